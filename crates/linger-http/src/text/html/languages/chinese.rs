//! The words of the pages in Chinese (simplified).
//!
//! A space stands between Chinese and Latin letters, as is the habit in print.

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
    joined: |names| tidy(&format!("{names} 加入了")),
    left: |names| tidy(&format!("{names} 离开了")),
    added: |by, names| tidy(&format!("{by} 邀请了 {names}")),
    renamed: |old, new| tidy(&format!("{old} 改名为 {new}")),
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
    failure: |code| {
        Some(match code {
            "room_not_found" => "它可能不对你公开，或者地址写错了。",
            "number_not_found" => "这个房间里没有这条消息。",
            "malformed" => {
                "内容不对：一条消息有 1 到 4000 个字，名字有 1 到 40 个字，地址里的参数也要写对。"
            }
            "malformed_cursor" => "地址里的位置不对，请重新打开这个房间。",
            "request_id_reused" => "这条消息已经发过了。",
            "other_origin" => "这个请求来自别的网站。",
            "no_token" => "这台服务器不接待访客。",
            "unknown_token" => "服务器不认识你，请重新打开这个房间。",
            "too_large" => "内容太长了。",
            "too_many_requests" => "太频繁了，请稍等一会儿。",
            "too_many_rooms" => "你加入的房间太多了。",
            "no_such_method" => "这个地址不接受这样的请求。",
            "unsupported_media_type" | "encoded_body" => "这个地址只接受文字或表单。",
            "body_timeout" => "内容没有在规定时间内发完。",
            "overloaded" | "starting" | "storage_failed" | "outcome_unknown" => {
                "服务器现在太忙或正在启动，请稍后再试。"
            }
            _ => return None,
        })
    },
};

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
