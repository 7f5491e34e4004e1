//! Names for newcomers who bring none: an adjective and an animal, in their language.
//!
//! The lists are our own: no name in them is a real person's, and none offends.

use linger_core::UserName;

/// The languages that the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// Chooses by a locale as the client names it (`zh-CN`), else by an
    /// `Accept-Language` header, else English.
    pub(crate) fn choose(locale: Option<&str>, accept_language: Option<&str>) -> Language {
        let wanted = locale.or(accept_language).unwrap_or_default();
        wanted.split(',').find_map(Language::of_tag).unwrap_or(Language::English)
    }

    fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.trim().split(['-', '_', ';']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Language::Chinese),
            "en" => Some(Language::English),
            _ => None,
        }
    }
}

/// Returns one of some 3600 names, chosen by a random number.
pub(crate) fn friendly_name(language: Language, random: u64) -> UserName {
    let (first, second, joint): (&[&str], &[&str], &str) = match language {
        Language::English => (&QUALITIES_EN, &ANIMALS_EN, " "),
        Language::Chinese => (&QUALITIES_ZH, &ANIMALS_ZH, "的"),
    };
    let pick = |words: &[&'static str], random: u64| words[(random % words.len() as u64) as usize];
    let name =
        format!("{}{joint}{}", pick(first, random >> 32), pick(second, random & 0xffff_ffff));
    UserName::parse(&name).expect("the lists make names")
}

const QUALITIES_EN: [&str; 60] = [
    "Amber", "Bold", "Brave", "Breezy", "Bright", "Calm", "Cheerful", "Clever", "Cosy", "Curious",
    "Daring", "Dreamy", "Eager", "Early", "Fair", "Fleet", "Fond", "Free", "Frosty", "Gentle",
    "Glad", "Golden", "Graceful", "Happy", "Hearty", "Honest", "Humble", "Jolly", "Keen", "Kind",
    "Lively", "Lucky", "Mellow", "Merry", "Mild", "Misty", "Modest", "Nimble", "Noble", "Patient",
    "Playful", "Polite", "Proud", "Quick", "Quiet", "Rosy", "Serene", "Shiny", "Silver", "Snowy",
    "Spry", "Steady", "Sunny", "Swift", "Tender", "Tidy", "Warm", "Wise", "Witty", "Zesty",
];
const ANIMALS_EN: [&str; 60] = [
    "Alpaca",
    "Badger",
    "Beaver",
    "Bee",
    "Bison",
    "Bunting",
    "Camel",
    "Caribou",
    "Cat",
    "Cricket",
    "Crane",
    "Curlew",
    "Deer",
    "Dolphin",
    "Dove",
    "Duck",
    "Egret",
    "Elk",
    "Falcon",
    "Ferret",
    "Finch",
    "Fox",
    "Gazelle",
    "Gecko",
    "Goose",
    "Hare",
    "Hedgehog",
    "Heron",
    "Ibis",
    "Jay",
    "Kestrel",
    "Kingfisher",
    "Koala",
    "Lark",
    "Lemur",
    "Lynx",
    "Magpie",
    "Marmot",
    "Marten",
    "Mole",
    "Newt",
    "Otter",
    "Owl",
    "Panda",
    "Pelican",
    "Penguin",
    "Plover",
    "Puffin",
    "Quail",
    "Rabbit",
    "Robin",
    "Salmon",
    "Seal",
    "Sparrow",
    "Squirrel",
    "Swallow",
    "Swan",
    "Tapir",
    "Turtle",
    "Wren",
];
const QUALITIES_ZH: [&str; 60] = [
    "安静",
    "勇敢",
    "聪明",
    "温柔",
    "快乐",
    "好奇",
    "耐心",
    "机灵",
    "沉着",
    "开朗", //
    "细心",
    "热情",
    "谦虚",
    "活泼",
    "悠闲",
    "诚实",
    "善良",
    "灵巧",
    "自在",
    "从容", //
    "爽朗",
    "认真",
    "幽默",
    "大方",
    "勤快",
    "和气",
    "乐观",
    "坚定",
    "敏捷",
    "优雅", //
    "清醒",
    "淡定",
    "可爱",
    "体贴",
    "踏实",
    "随和",
    "专注",
    "俏皮",
    "豁达",
    "明亮", //
    "金色",
    "银色",
    "早起",
    "晚睡",
    "爱笑",
    "爱唱歌",
    "爱看书",
    "爱散步",
    "会飞",
    "雪白", //
    "轻快",
    "暖和",
    "幸运",
    "友好",
    "文静",
    "稳重",
    "直率",
    "潇洒",
    "知足",
    "逍遥", //
];
const ANIMALS_ZH: [&str; 60] = [
    "水獭",
    "熊猫",
    "狐狸",
    "刺猬",
    "松鼠",
    "海豚",
    "白鹤",
    "燕子",
    "企鹅",
    "考拉", //
    "小鹿",
    "兔子",
    "猫头鹰",
    "海豹",
    "羊驼",
    "河狸",
    "蜜蜂",
    "蟋蟀",
    "天鹅",
    "鸽子", //
    "麻雀",
    "喜鹊",
    "云雀",
    "翠鸟",
    "白鹭",
    "大雁",
    "鸭子",
    "乌龟",
    "壁虎",
    "骆驼", //
    "羚羊",
    "驯鹿",
    "土拨鼠",
    "貂",
    "猞猁",
    "狐猴",
    "鼹鼠",
    "鹌鹑",
    "知更鸟",
    "鹈鹕", //
    "海鸥",
    "鲸鱼",
    "金鱼",
    "锦鲤",
    "蜻蜓",
    "蝴蝶",
    "萤火虫",
    "瓢虫",
    "蜗牛",
    "猫", //
    "小马",
    "山羊",
    "小象",
    "长颈鹿",
    "斑马",
    "浣熊",
    "雪豹",
    "孔雀",
    "黄鹂",
    "画眉", //
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_is_named_in_the_language_they_read() {
        let cases = [
            ("the locale wins", Some("zh-CN"), Some("en"), Language::Chinese),
            ("else the header", None, Some("zh-TW,zh;q=0.9,en;q=0.8"), Language::Chinese),
            ("the first one that we speak", None, Some("fr, en;q=0.5, zh"), Language::English),
            ("else English", None, None, Language::English),
            ("an unknown locale is no reason to fail", Some("tlh"), None, Language::English),
        ];
        for (case, locale, header, expected) in cases {
            assert_eq!(Language::choose(locale, header), expected, "{case}");
        }
    }

    #[test]
    fn every_pair_of_words_is_a_name() {
        for language in [Language::English, Language::Chinese] {
            for random in 0..3600u64 {
                friendly_name(language, ((random / 60) << 32) | (random % 60));
            }
        }
    }
}
