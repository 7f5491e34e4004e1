// Every word that the page says, in Chinese (simplified).
//
// Read through i18n/index.ts; the keys are those of en.ts. A space stands
// between Chinese and Latin letters, as is the habit in print.
import type { Words } from './en'

/** Takes out the space beside a name where the name is Chinese as well. */
function tidy(sentence: string): string {
  return sentence.replace(/(?<=\p{Script=Han}) (?=\p{Script=Han})/gu, '')
}

export const zh: Words = {
  appName: 'Linger 聊天室',
  lobby: '大厅',
  title: (room, unread) => (unread > 0 ? `（${unread}）${room} · Linger` : `${room} · Linger`),
  skipToComposer: '跳到输入框',

  connecting: '正在连接…',
  connected: '已连接',
  reconnecting: '正在重新连接…',
  offline: '网络已断开，恢复后会自动补上消息',
  unrecognized: '服务器认不出这个浏览器：可能禁用了 Cookie，或者代理替你登录了',
  upToDateAsOf: (time) => `消息更新至 ${time}`,

  yourName: '你的名字',
  changeName: (name) => tidy(`你是 ${name}，点击改名`),
  save: '保存',
  cancel: '取消',
  nameSaved: (name) => tidy(`你现在叫 ${name}`),
  nameTaken: '这个名字已经有人用了，换一个吧。',
  nameRefused: '这个名字不能用，换一个吧。',
  nameTooSoon: '改得太频繁了，请稍等一会儿。',
  nameUnreached: '暂时连不上服务器，请再试一次。',

  invite: '邀请',
  copyInvite: '复制邀请链接',
  linkCopied: '链接已复制',
  copyByHand: '请复制这个链接：',
  onlyThisComputer: '这个地址只能在本机打开。要邀请别人，请先用本机的名称或局域网地址打开本页面。',

  messagesIn: (room) => tidy(`${room} 的消息`),
  loadingMessages: '正在加载消息…',
  loadOlder: '查看更早的消息',
  loadingOlder: '正在加载…',
  olderFailed: '更早的消息没有加载出来，再试一次',
  beginning: '对话从这里开始。',
  newMessages: (count) => `${count} 条新消息`,
  toNewest: '回到最新消息',
  emptyTitle: '这里还很安静',
  emptyText: '说第一句话，或者邀请朋友一起来。',

  you: '你',
  server: '服务器',
  messageDeleted: '此消息已删除。',
  today: '今天',
  yesterday: '昨天',
  joined: (names) => tidy(`${names} 加入了`),
  left: (names) => tidy(`${names} 离开了`),
  opened: (names) => tidy(`${names} 创建了这个房间`),
  openedByServer: '房间已创建',
  others: (count) => `另外 ${count} 人`,

  sending: '正在发送…',
  keepsTrying: '还没发出，会自动重试',
  notSent: (reason) => `没有发出：${reason}`,
  askToSend: (time) => `这条消息写于 ${time}，还没有发出。现在发送吗？`,
  refusedForm: '服务器无法接收这段文字。',
  refusedUnknown: (name) => tidy(`服务器不记得你了，你现在叫 ${name}。`),
  refusedRights: '你不能在这个房间发言。',
  refusedRoom: '这个房间已经不在了。',
  refusedOther: '服务器拒绝了这条消息。',
  retry: '重新发送',
  send: '发送',
  discard: '丢弃',

  writeTo: (room) => tidy(`在 ${room} 说点什么`),
  sendMessage: '发送消息',
  charactersLeft: (count) => `还可输入 ${count} 个字`,
  charactersOver: (count) => `超出 ${count} 个字`,
  readOnly: '这台服务器不接待访客发言，你可以看看大家在聊什么。',
}
