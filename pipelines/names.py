"""Where does a text name a person? Surnames, cues and titles are marked in one pass, then small patterns read the marks.

A character that can be a surname opens a name only beside a cue (联系人, 司机, 我叫), before a title (先生, 主任) or in the
place of a signature, and never where it begins a common word (高度, 周边, 何时: sql/seeds/surname_word.csv, the words of
the jieba dictionary, MIT licence, that are nobody's name).

One Aho-Corasick pass (`marked`) puts a private-use character before every surname and title and after every cue. The
patterns then need no long alternations and no classes of hundreds of characters: polars keeps 32 compiled patterns, and
compiling large ones again and again was most of the work.
"""

import polars as pl

from pipelines.config import SEEDS

# Common surnames. Those that are also everyday function words or nouns count only beside a separator or a title.
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁沈姚卢姜崔钟谭陆汪范廖贾夏韦付邹孟熊秦邱江尹薛闫段"
    "雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔汤温康施牛樊葛邢伍庄聂章鲁岳翟殷詹申欧耿关焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕裴霍涂苗谷盛曲翁冉骆路游辛"
    "赖靳管柴蒙鲍喻项裘缪娄褚楚晏冼卓牟蔺佟仇车匡闵窦瞿邬臧艾鄢糜茅戚庞饶卞厉滕廉荆屠芮郁储桑巫麻隋冀郎阙窦晁虞邰"
)
RARE = (
    "齐高金于任方石白成安时和向从经应全明易常单东平连满通房家文古洪班水云简兰计花季景支池解农初原门海沙党年步都权商尤华傅颜倪卜师谈贝鱼元祁狄米伏席强费岑岳凤乐宗宣胥巩郗喜嵇邴松井富乌焦巴弓"
    "代付奚昌酆皮穆明望祖伏危干丁贲邓杭诸钮程邢滑荣荀於惠甄曲封羿汲牧隗山谷宓蓬仰秋仲伊宫暴甘钭戎束叶幸司韶郜蓟薄印宿怀蒲鄂索咸籍蔺乔阴能苍双闻莘贡劳逄姬扶堵冉宰郦雍璩濮寿边农温别晏充慕茹习宦容慎戈终居衡耿匡国寇广禄阙沃利蔚越隆师厍勾敖融訾那曾毋乜养鞠须丰巢蒯相查后荆红竺盖益桓牟候丘岳佘仝丛苟官邝谌粟楼盘位迟占苑普衣冀鹿矫战来火卿麦光凯力虎冰英尧但税斯底酒揭帅镇随青令相母漆练伟帖卢阎麴笪厚信展兆阚栗蓝冒逯佴巴卫屈芦南"
    "柏萧湛禹刁昝吉羊栾桂扈燕郏浦庾暨弘冷阳邸亓兴辜瓮保鄞晋卯仵郅郇"
)
COMPOUND = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|令狐|司徒|东方|夏侯|轩辕|端木|南宫|西门|独孤|宇文|长孙|呼延"

TITLES = "先生|女士|小姐|师傅|太太|阿姨|大爷|大妈|大娘|奶奶|爷爷|同志|大哥|大姐|大叔|大婶|叔叔|伯伯|老伯|老太|婆婆"
WEAK_TITLES = (
    "老师|医生|大夫|老板|经理|主任|书记|村长|警官|队长|护士|律师|教授|校长|局长|院长|所长|站长|科长|处长|镇长|乡长|县长|厂长|组长|"
    "班长|园长|店长|法官|检察官|教练|会计|师父|董事长|总经理|支书"
)
# A name follows these, above all beside a separator.
STRONG_CUES = (
    "联系人|姓名|名字|来电人|反映人|投诉人|举报人|申请人|当事人|报警人|信访人|上访人|诉求人|求助人|户主|收款人|持卡人|开户人|户名|经办人|"
    "经手人|签收人|落款|被害人|受害人|死者|伤者|患者|被投诉人|承租人|出租人|负责人|法人代表|法定代表人|监护人|代理人|"
    "车主|委托人|受托人|购房人|购房者|购买人|买受人|出卖人|产权人|权利人|写信人|来信人|来访人|署名|签名|签字|签字人|具名人|呈报人|联名人|报修人|报案人|"
    "驾驶员|驾驶人|反馈人|被告|原告|证人|肇事者|开户名|法人|继承人|留言人|留言者|咨询人|建议人|受访人|家属|业主代表|村民代表|居民代表|联名|敬礼|此致"
)
WEAK_CUES = (
    "市民|居民|村民|业主|群众|职工|员工|司机|家长|学生|学员|老人|租户|租客|房东|店主|商户|住户|工人|农民工|民工|乘客|顾客|病人|患者|邻居|"
    "丈夫|妻子|老公|老婆|儿子|女儿|父亲|母亲|爱人|孙子|孙女|同事|朋友|代表|经理|主任|店长|老板|站长|所长|局长|队长|科长|处长|老师|医生|"
    "爸爸|妈妈|爷爷|奶奶|哥哥|弟弟|姐姐|妹妹|包工头|工头|工友|支书|村长|书记|人员|业务员|销售|中介|教练|民警|警察|护士|保安|会计|校长|院长"
)
# Of these a name follows even where the next word tells nothing.
PERSON_CUES = (
    "丈夫|妻子|老公|老婆|儿子|女儿|父亲|母亲|爱人|孙子|孙女|爸爸|妈妈|哥哥|弟弟|姐姐|妹妹|包工头|工头|工友|村支书|支书|村主任|村长|老板|房东|员工|"
    "工作人员|医生|教练|班主任|司机|邻居|业务员|民警|警察|科长|局长|队长|经理|同学|护士|会计|保安|爷爷|奶奶|岳父|岳母|公公|婆婆|叔叔|伯伯|舅舅|姑姑|嫂子|亲戚|同事|"
    "工头|支书|组长|厂长|店长|园长|校长|院长|站长|村干部|村会计|中介|销售|技师|主治医师|医师"
)
NAMING = "我叫|我名叫|本人叫|名叫|名为|叫做|我是叫|本人姓名|姓名叫|我的名字叫"
# Words after a name. Those of one character are not marked as words: they may be surnames as well.
NEXT = (
    "反映|来电|致电|来信|来访|表示|投诉|咨询|电话|手机|联系|身份证|要求|求助|诉求|举报|认为|家住|现住|多次|已经|再次|希望|请求|购买|发现|就读|态度|受伤|"
    "名下|现年|今年|一家|夫妇|失联|承诺|怀孕|拖欠|跑路|辱骂|误诊|优亲|敬上|敬启|谨上|打来电话|打电话|拨打"
)
NEXT_CHARACTERS = "称家住于是系在等的说到与和因向已今昨被从自就未没患拒欠违侵上死摔打骂私擅不无以"
PLAIN = "〔姓名〕|谢谢|感谢|答谢"

SURNAME, RARELY, JOIN, CUE, WEAK_CUE, PERSON_CUE, TITLE, WEAK_TITLE, NAMED = (chr(0xE010 + n) for n in range(9))
_MARKS = f"[{SURNAME}-{NAMED}]"


def _vocabulary() -> dict[str, str]:
    """Word → the word with its marks. Of two words that begin at one place the longer comes first."""
    before: dict[str, str] = dict.fromkeys(TITLES.split("|"), TITLE) | dict.fromkeys(WEAK_TITLES.split("|"), WEAK_TITLE)
    after: dict[str, str] = {}
    for words, mark in ((STRONG_CUES, CUE), (WEAK_CUES, WEAK_CUE), (PERSON_CUES, PERSON_CUE), (NAMING, NAMED)):
        for word in words.split("|"):
            after[word] = after.get(word, "") + mark
    after["本人"] = after["鄙人"] = ""
    plain = {*NEXT.split("|"), *PLAIN.split("|"), *before, *after}
    seed = pl.read_csv(SEEDS / "surname_word.csv", infer_schema=False)
    plain |= {surname + second for surname, seconds in seed.iter_rows() for second in seconds}
    marked = {word: before.get(word, "") + word + after.get(word, "") for word in plain}
    for surname in SURNAMES + RARE:  # 孙女 is a word, 孙女士 is not one of them
        mark = SURNAME if surname in SURNAMES else RARELY
        marked |= {surname + t: mark + surname + TITLE + t for t in TITLES.split("|") if surname + t[0] in marked}
    marked |= {name: SURNAME + name[0] + JOIN + name[1] for name in COMPOUND.split("|")}
    marked |= {surname: RARELY + surname for surname in RARE} | {surname: SURNAME + surname for surname in SURNAMES}
    return dict(sorted(marked.items(), key=lambda pair: -len(pair[0])))


_VOCABULARY = _vocabulary()


def marked(text: pl.Series) -> pl.Series:
    """The text with surnames, cues and titles marked."""
    return text.str.replace_many(_VOCABULARY, leftmost=True)


def unmarked(text: pl.Series) -> pl.Series:
    return text.str.replace_all(_MARKS, "")


_HAN = "[一-鿿㐀-䶿]"
_S = f"{SURNAME}{_HAN}(?:{JOIN}{_HAN})?"
_R = f"{RARELY}{_HAN}"
_ANY = f"[{SURNAME}{RARELY}]{_HAN}(?:{JOIN}{_HAN})?"
_MAY = f"[{SURNAME}{RARELY}]?"  # a given name may be made of surnames


def _given(without: str) -> str:
    """One character of a given name, with the characters left out that usually begin or end another word there."""
    return f"(?:{_MAY}[[一-鿿㐀-䶿]--[{without}]]{JOIN}?)"


_GIVEN = _given("的是有在于与及和称反电说次")
_GIVEN_HARD = _given("人们区县市镇村户店厂校的是")
_GIVEN_ALONE = _given(
    "的是有在住与于及和来去说称反电手身家现已被把将向从到今昨因为要求请投咨诉表希认也都不没某先女小师老等"
)
# 李伟来电: a name that opens a clause. Words like 何时, 周边, 马路, 温州 call or are called for as well.
_GIVEN_OPEN = _given(
    "的是有在住与于及和来去说称反电时处以必等不事种况季天路边州波城区县市乡镇村庄街站店校院厂里家方期年月日次氏"
    "人某台线号色昏重局所司间前后内外上下左右们都也又再已曾未没能可就才要会被把给向从到为因多少先女小老"
)
_HARD = r"([，,。；;：:、！!？?（(）)】\s\d〔]|$)"  # surely ends a name
_SURE = rf"((?:[，,。；;：:、！!？?（(）)】\s\d〔]|$|[{TITLE}{WEAK_TITLE}]|{NEXT}))"  # no part of a name
_NEXT = rf"((?:[，,。；;：:、！!？?（(）)】\s\d]|$|{_MAY}[{NEXT_CHARACTERS}]|{_MAY}[{TITLE}{WEAK_TITLE}]|{NEXT}))"
_NAMED_CUE = rf"((?:{CUE}(?:姓名{CUE})?\s?[:：是为叫]|{NAMED}{CUE}?|{CUE}?名叫{NAMED})[\s:：]{{0,2}})"
_STRONG = rf"({CUE}\s?[（(】]?)"
_WEAK = rf"((?:[{WEAK_CUE}{PERSON_CUE}]|本人)\s?[（(:：，,]?\s?)"
_BEGIN = r"([，,。；;：:、！!？?\s）)]|^)"
_CALLS = "来电|致电|来信|来访|打来电话|打电话|拨打"
_SAID_DATE = rf"(?:今{_MAY}年|去{_MAY}年|(?:19|20)[0-9]{{2}}|[0-9]{{1,2}}{_MAY}月)"
_SIGNED = rf"(\s*(?:{_SAID_DATE}.{{0,18}})?[。！!]?$|\s*(?:敬上|敬启|谨上|谨呈|呈上|{_MAY}上[。！]?$))"
_NICK = _given("坝里拉克勒联富尔姨婆公訇的是房胶") + "{1,2}"


def rules(mark: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Groups of rules, in order: a cheap test for the rows concerned, then (kind, pattern over marked text, replacement),
    the more particular first. `mark` stands for a name.
    """
    one, two, both = "${1}" + mark, "${1}" + mark + "${2}", "${1}" + mark + "${2}" + mark + "${3}"
    cued = [
        # beside a separator or a verb of naming
        (rf"{_NAMED_CUE}{_ANY}{_GIVEN_HARD}{{1,2}}{_HARD}", two),
        (rf"{_NAMED_CUE}{_ANY}{_GIVEN}{{1,2}}?{_NEXT}", two),
        (rf"{_NAMED_CUE}{_ANY}{_GIVEN_ALONE}{{1,2}}", one),
        (rf"{_NAMED_CUE}(?:{_MAY}{_HAN}){{2,4}}[·•](?:{_MAY}{_HAN}){{2,8}}", one),
        (rf"({CUE}\s?[:：]\s{{0,2}})(?:{_MAY}{_HAN}){{2,4}}?{_NEXT}", two),
        (rf"({CUE}\s?[:：]\s{{0,2}})[A-Za-z]{{2,15}}(?:\s[A-Za-z]{{2,15}})?", one),
        (
            rf"([人者主员方][{WEAK_CUE}{PERSON_CUE}]*[:：]\s?){_ANY}{_GIVEN_HARD}{{1,2}}?([，,。；;、\s（(]|电话|手机|$)",
            two,
        ),
        # after a cue
        (rf"{_STRONG}{_ANY}{_GIVEN_HARD}{{1,2}}{_HARD}", two),
        (rf"{_STRONG}{_ANY}{_GIVEN}{{1,2}}?{_NEXT}", two),
        (rf"{_WEAK}{_S}{_GIVEN_HARD}{{1,2}}{_HARD}", two),
        (rf"{_WEAK}{_S}{_GIVEN}{{1,2}}?{_NEXT}", two),
        (rf"([{WEAK_CUE}{PERSON_CUE}]\s?[（(:：]?\s?){_R}{_GIVEN_HARD}{{1,2}}([，,。；;：:、\s（(]|$)", two),
        (rf"([{WEAK_CUE}{PERSON_CUE}]\s?[（(:：]?\s?){_R}{_GIVEN}{{1,2}}?({_MAY}[和与因及]|、|两人|二人)", two),
        (rf"({PERSON_CUE}){_ANY}{_GIVEN_HARD}{{1,2}}{_SURE}", two),
        (rf"({PERSON_CUE}){_ANY}{_GIVEN}{{1,2}}?{_NEXT}", two),
        (rf"({PERSON_CUE}){_S}{_GIVEN_OPEN}{_GIVEN_ALONE}?", one),
        (rf"((?:本人|鄙人)\s?[（(:：]?\s?){_ANY}{_GIVEN_HARD}{{1,2}}([，,；;。（()）]|男|女|〔|$)", two),
        (rf"(我是\s?){_ANY}{_GIVEN_HARD}{{1,2}}([，,。；;（(\s]|$)", two),
        (rf"((?:我是|我叫{NAMED}|叫我)\s?)阿{_NICK}([，,。；;：:、！!\s（(]|$)", two),
    ]
    titled = [  # before 某 or a title
        (rf"{_S}{_GIVEN}{{1,2}}?某+", mark),
        (rf"{_ANY}某{{1,2}}", mark),
        (rf"{_S}{_GIVEN}{{0,2}}?({TITLE})", mark + "${1}"),
        (
            rf"([{CUE}{WEAK_CUE}{PERSON_CUE}，。,；;：:、\s的由向给被和与跟是访系民户主客介谢邻东及请找]|^)"
            rf"{RARELY}[[一-鿿]--[位占家管都那后]]{_GIVEN}{{0,2}}?({TITLE})",
            two,
        ),
        (rf"([^一这那几各两哪]|^){RARELY}[[一-鿿]--[位占经家管都那后]]({TITLE})", two),
        (
            rf"([{PERSON_CUE}局院校所队会处站司部村委学业谢的由向给被和与跟是找到，。,；;：:、\s]|^){_ANY}{_GIVEN_OPEN}{{0,2}}?({WEAK_TITLE})",
            two,
        ),
        (rf"([^小大老班]|^){_S}{_GIVEN_OPEN}{{0,2}}?({WEAK_TITLE})", two),
        (rf"([小老阿]){_S}([，,。；;：:、\s]|反映|来电|说|称|投诉|头|家(?:[，,。的里]))", two),
    ]
    opening = [  # a clause that opens with a name
        (rf"{_BEGIN}{_S}{_GIVEN_OPEN}{{1,2}}?({_CALLS})", two),
        (
            rf"{_BEGIN}{_S}{_GIVEN_OPEN}{{1,2}}?({_MAY}[和与、]){_S}{_GIVEN_OPEN}{{1,2}}?({_CALLS}|反映|投诉|两人|二人|夫妇|夫妻)",
            both,
        ),
    ]
    paired = [
        (rf"(〔姓名〕{_MAY}[和与及跟、]){_ANY}{_GIVEN}{{1,2}}?{_NEXT}", two),
    ]
    signed = [  # after the greeting, or the last words of the text
        (rf"((?:敬礼|此致|谢谢){CUE}?[！!。，,\s]*){_ANY}{_GIVEN_HARD}{{1,2}}{_SIGNED}", two),
        (rf"([。！!？?—\s]){_ANY}{_GIVEN_HARD}{{1,2}}[，,]?{_SIGNED}", two),
    ]
    numbered = [  # before a number of a person
        (
            rf"{_BEGIN[:-1]}|[（(]){_ANY}{_GIVEN}{{1,2}}?([，,\s（(：:]{{0,2}}(?:电话|手机|身份证|联系电话|联系方式)?"
            r"(?:号码|号)?[\s:：]{0,2}(?:〔手机号〕|〔证件号〕))",
            two,
        ),
    ]
    beside = rf"[{SURNAME}{RARELY}]"
    groups = (
        (
            rf"[{CUE}{WEAK_CUE}{PERSON_CUE}{NAMED}][^。]{{0,6}}{beside}|{NAMED}|{CUE}\s?[:：]|[人者主员方][:：]|本人|鄙人|我是|叫我",
            cued,
        ),
        (rf"{beside}.{{1,8}}[{TITLE}{WEAK_TITLE}]|某|[小老阿]{SURNAME}", titled),
        (rf"{SURNAME}.{{2,6}}(?:{_CALLS}|[和与、])", opening),
        ("〔姓名〕.?[和与及跟、]", paired),
        (rf"敬礼|此致|谢谢|[。！!？?—\s]{beside}.{{1,40}}$", signed),
        ("〔手机号〕|〔证件号〕", numbered),
    )
    return [(test, [("name", *pattern) for pattern in patterns]) for test, patterns in groups]


_SURNAMES, _ANYS = f"[{SURNAMES}]", f"[{SURNAMES}{RARE}]"
# Can the row hold a name at all?
CANDIDATE = (
    f"某|〔|{TITLES}|{WEAK_TITLES}|{NAMING}|我是\\s?{_ANYS}|我是\\s?阿|叫我阿|[小老阿]{_SURNAMES}|"
    f"(?:^|[，。；：、 ]){_SURNAMES}..?(?:{_CALLS}|[和与、]{_SURNAMES})|敬礼|此致|谢谢|[。！!？?— ]{_ANYS}..?(?:.?[。！!]?$|[，, ]{{0,2}}[0-9])|敬上|谨上|呈上|"
    f"[人者主员方][:：]|(?:{STRONG_CUES}|{WEAK_CUES}|{PERSON_CUES}|本人|鄙人)\\s?(?:[（(:：，,】]?\\s?{_ANYS}|[:：是为叫]|姓名|名叫)"
)
