//! The words of the pages in Chinese (simplified).
//!
//! A space stands between Chinese and Latin letters, as is the habit in print.

use linger_serve::Failure;

use super::Words;

pub(super) static WORDS: Words = Words {
    tag: "zh-CN",
    app_name: "Linger 聊天室",
    skip_to_composer: "跳到输入框",
    skip_to_rooms: "跳到房间列表",

    rooms: "房间",
    browse_rooms: "浏览公开房间",
    open_rooms: "公开房间",
    open_rooms_text: "每个房间都可以看；说第一句话就成为成员。",
    more_rooms: "显示更多房间",
    people: |count| format!("{count} 人"),
    lobby: "大厅",
    to_lobby: "去大厅",
    closed: "不公开",
    about_room: "一个聊天的房间。看看大家在聊什么，或者说点什么：不用注册，不用安装。",

    messages_in: |room| tidy(&format!("{room} 的消息")),
    empty_title: "这里还很安静。",
    empty_text: "说第一句话，或者邀请朋友一起来。",
    earlier: "查看更早的消息",
    beginning: "对话从这里开始。",
    to_newest: "回到最新消息",
    fresh: "新消息",
    spoke: |name, time| format!("{name}，{time}"),
    deleted: "此消息已删除。",
    answers_to: "回复：",
    unseen: "你来之前的一条消息",
    edited: "已编辑",
    edited_at: |day, time| format!("编辑于 {day} {time}"),
    reaction_of: |emoji, count, names| tidy(&format!("{emoji} {count}，{names} 的回应")),
    others: |count| format!("另外 {count} 人"),
    a_file: "一个文件",
    download: "下载",
    picture: |name| format!("图片：{name}"),
    video: |name| format!("视频：{name}"),
    audio: |name| format!("音频：{name}"),
    bytes: |count| format!("{count}字节"),
    code: "代码",
    spoiler: "显示隐藏内容",
    day: |(year, month, day), weekday| {
        const WEEKDAYS: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];
        format!("{year}年{month}月{day}日 星期{}", WEEKDAYS[weekday])
    },

    opened: |by| match by {
        Some(by) => tidy(&format!("{by} 创建了这个房间")),
        None => "房间已创建".to_owned(),
    },
    changed_room: |names| tidy(&format!("{names} 修改了名称或话题")),
    joined: |names| tidy(&format!("{names} 加入了")),
    left: |names| tidy(&format!("{names} 离开了")),
    added: |by, names| tidy(&format!("{by} 邀请了 {names}")),
    many_joined: |count| format!("{count} 人加入了"),
    many_left: |count| format!("{count} 人离开了"),
    many_added: |by, count| tidy(&format!("{by} 邀请了 {count} 人")),
    and: |names| match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => tidy(&format!("{}和 {last}", all.join("、"))),
    },

    wait: "等待新消息",
    nothing_new: "还没有新消息。",
    write_to: |room| tidy(&format!("在 {room} 说点什么")),
    your_name: "你的名字",
    send: "发送消息",

    refused: "没有成功",
    no_room: "没有这个房间",
    nothing_here: "这里什么也没有",
    failure,
};

fn failure(failure: &Failure) -> Option<String> {
    let sentence = match failure.code {
        "room_not_found" => "它可能不对你公开，或者地址写错了。",
        "nothing_here" => "地址可能写错了，或者内容已经不在了。",
        "number_not_found" => "这个房间里没有这条消息。",
        "malformed" => return Some(malformed(&failure.detail)),
        "malformed_cursor" => "地址里的位置不对，请重新打开这个房间。",
        "request_id_reused" => "这一页已经在别的房间发过这句话，请重新打开这个房间再发。",
        "other_origin" => {
            "这个请求来自别的网站。如果这就是本站的页面，请管理员检查代理服务器有没有改动 Host。"
        }
        "unknown_host" => "这台服务器不认识这个网址，请管理员用 --hosts 加上它。",
        "no_token" => "这台服务器不接待访客。",
        "unknown_token" => "服务器不认识你，请重新打开这个房间。",
        "not_a_member" => "你不在这个房间里，请先加入。",
        "too_large" => "内容太长了，请分几次发。",
        "too_many_requests" => {
            return Some(match failure.retry_after {
                Some(seconds) => format!("太频繁了，请 {seconds} 秒后再试。"),
                None => "太频繁了，请稍后再试。".to_owned(),
            });
        }
        "too_many_rooms" => "一个人最多加入 500 个房间，请先离开一个。",
        "no_such_method" => "这个地址不接受这样的请求。",
        "unsupported_media_type" => "这个地址只接受文字或表单。",
        "encoded_body" => "请不要压缩要发的内容。",
        "body_timeout" => "内容没有在规定时间内发完，请再发一次。",
        "overloaded" => "服务器现在太忙，请稍后再试。",
        "starting" => "服务器正在启动，请稍后再试。",
        "node_behind" => "这台服务器还没有跟上其他服务器，请稍后再试。",
        "upgrade_unfinished" => "有的服务器还没有升级完，还不能这样做，请稍后再试。",
        "storage_failed" => "服务器暂时无法读写数据，请稍后再试。",
        "outcome_unknown" => "不知道这条消息有没有发出去，请再发一次：同样的内容只会出现一次。",
        _ => return None,
    };
    Some(sentence.to_owned())
}

/// Says what is wrong with something that was sent. The code is the same for all of it, so
/// the beginning of the English detail tells which it is; the tests hold the two together.
fn malformed(detail: &str) -> String {
    let sentences = [
        ("a message text can be seen", "消息里没有看得见的字。"),
        ("a message text", "一条消息有 1 到 4000 个字。"),
        ("a name is one line", "名字只能写在一行里，不能有特殊的控制字符。"),
        ("a name can be seen", "名字里没有看得见的字。"),
        ("a name", "名字有 1 到 40 个字。"),
        ("'limit'", "地址里的 limit 是 1 到 200 的整数。"),
        ("'before'", "地址里的 before 是一条消息的号码。"),
        ("'wait'", "地址里的 wait 是等待的秒数。"),
        ("'format'", "format 只能是 plain 或 markdown。"),
        ("'tz'", "地址里的 tz 是时区，例如 Asia/Shanghai。"),
        ("'room' in the path", "地址里的房间名不是 UTF-8 编码。"),
        ("the text is not UTF-8", "文字不是 UTF-8 编码。"),
        ("the field", "表单里的文字不是 UTF-8 编码。"),
        ("the form has no field", "表单里没有 text 这一项。"),
        ("the body broke off", "内容没有发完，请再发一次。"),
    ];
    let found = sentences.iter().find(|(beginning, _)| detail.starts_with(beginning));
    found.map_or("内容的格式不对。", |(_, sentence)| sentence).to_owned()
}

/// Takes out the space beside a name where the name is Chinese as well.
fn tidy(sentence: &str) -> String {
    let characters: Vec<char> = sentence.chars().collect();
    let is_between = |at: usize| {
        let neighbour = |at: Option<usize>| at.and_then(|at| characters.get(at)).copied();
        let (before, after) = (neighbour(at.checked_sub(1)), neighbour(Some(at + 1)));
        before.is_some_and(is_chinese) && after.is_some_and(is_chinese)
    };
    let kept = characters.iter().enumerate().filter(|(at, c)| **c != ' ' || !is_between(*at));
    kept.map(|(_, c)| c).collect()
}

/// Tells whether a character is a Chinese one, or closes a Chinese sentence.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}' | '，' | '。' | '？')
}
