"""Where does a note typed into a case name a person, or a house number? Stricter than `names`.

A note is written by an office about a case; no name is needed in it, so in doubt a word is taken for one. A name is a
surname with one or two characters beside a word of casework: after 到, 与, 回访, 用户 …, before 家, 已签字, 夫妇 …. What follows
a candidate must be able to follow a name (`_AFTER`): 张贴公告, 王家庄, 江滨路 are none. Words that begin with a surname
(高温, 方案, 路灯: sql/seeds/surname_word.csv, of the jieba dictionary, and `WORDS`) are none either, unless a noun such as
用户 stands before them and a third character belongs to the name (用户高明亮).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

import polars as pl

from pipelines import names
from pipelines.config import SEEDS

# Ordinary words with a surname in them that the seed does not know; first those in which it is not the first character.
INNER = (
    "分管|主管|监管|托管|接管|城管|物管|房管|交管|保管|代管|尽管|不管|有关|相关|机关|海关|开关|和平|和谐|和解|和睦|对方|双方|各方|多方|"
    "施工方|甲方|乙方|地方|给水|排水|给排水|供水|用水|停水|漏水|积水|污水|自来水|请于|拟于|已于|定于|将于|由于|关于|对于|至于|属于|低于|高于|"
    "高温|找平|到位|到期|平安|治安|公安|保安|方案|程序|马上|与时俱进|约定|向阳|请示|合同|共同|了解|共和国|为何|居然|经常|去年|感谢|严厉|终于|卫生间|按揭|阶段|接通|同时|同期|同步|同样|值班|带班|上班|下班|"
    "副主任|办公室主任|车间主任|班主任|项目经理|值班经理|客户经理|大堂经理|片区经理|管家|当家|国家|专家|商家|厂家|大家|全家|搬家"
)
WORDS = (
    "车主|车队|盖章|强占|安监|查账|查帐|卫生|明火|能繁|保利|华为|国美|信件|单方|江滨|金桂|汤山|高新|高架|高铁|高压|高楼|高空|高层|高峰|安置|安装|安全|温度|温馨|车位|车库|车辆|车棚|车道|车间|管网|管道|管线|管理|路灯|路面|"
    "路牌|路口|路段|柳树|梅雨|雷雨|余款|余额|费用|常务|常态|任务|时限|时间|单元|单位|全部|全市|全区|全县|全程|全面|应急|应当|方便|方面|明确|明显|项目|"
    "章程|纪要|纪检|符合|施工|施救|石材|石油|万达|万科|万元|平台|平安|通知|通水|通电|通气|通车|居民|居住|水质|水压|水管|水泵|水务|水电|水费|水表|景区|"
    "景观|商户|商家|商铺|商贸|商场|商业|房屋|房产|房管|房东|家属|家长|家庭|古树|古城|古建|海绵|海关|党委|党员|党支|党群|都市|东区|西区|南区|北区|文明|文化|文件|文旅|"
    "厚度|展板|厉行|来信|来访|来电|查封|查处|查看|查实|步行|年底|年前|年内|校方|校车|支付|支部|解决|解释|经办|经理|经营|连续|连夜|成立|成效|"
    "广场|广告|广电|利民|信访|信息|信用|陆续|陪审|帮助|帮扶|双方|双向|能够|能源|满意|相关|相邻|须知|白天|白蚁|元旦|农户|农村|农田|农贸|农民|"
    "初步|初中|原因|原件|原址|门店|门禁|门口|门前|沙土|沙石|简易|池塘|计划|边坡|从严|从快|向阳|向前|位置|占道|占用|直接|直至|尚未|尚无|终端|定期|定点|定位|荣誉|"
    "康复|康养|龙头|龙虾|柴油|柴火|武装|武警|申请|申报|申诉|左侧|左转|右侧|右转|苗木|谷物|盛夏|曲线|伍佰|郎中|焦点|关闭|关停|关注|关于|关系|关心|关键|关爱|关怀|骨干|"
    "毛坯|毛病|顾客|孔洞|包装|包保|包干|包括|童车|颜色|沈阳|葛根|范围|史料|钱款|汪洋|夏季|夏天|华侨|严重|严格|严禁|严肃|严查|严控|陶瓷|姜汤|魏都|蒋家|吕梁|徐州|郑州|温州|"
    "杭州|苏州|常州|沙井|成都|连云|泰安|安徽|江苏|江西|湖北|贵州|云南|黑龙|林地|林木|林业|林带|林场|周边|周围|周一|周二|周三|周四|周五|周六|周日|周内|周末|"
    "何时|何处|何种|何地|宁可|宁愿|祝愿|柯达|甘蔗|樊笼|葛藤|路人|路桥|路基|路况|井盖|井口|井下|黄土|黄泥|黄色|黄线|游客|游园|游泳|辛苦|赖账|靳黛|鲍鱼|伏击|富余|乐队|宗教|"
    "冷水|冷库|冷链|冷却|冷热|阳台|阳光|兴建|兴办|保障|保证|保温|保险|保洁|保修|保留|保护|保持|保供|保安|保暖|保管|苑区|院方|危房|危险|危化|干部|干净|干洗|干扰|干线|幸福|司法|司机|"
    "代办|代表|代管|代理|代缴|付款|付清|付费|储气|储水|储存|祖坟|花园|花坛|花木|花卉|季度|强制|强降|强化|国企|国有|国土|国道|国家|国庆|台风|台账|盘查|迟缓|迟到|普通|普遍|普查|普法|衣物|"
    "冀望|火灾|火警|火势|火险|来源|来料|力度|力争|冰雪|冰面|尧都|但是|但书|税务|税费|底层|底商|底部|酒店|酒驾|镇区|镇上|随后|随时|随机|随即|青苗|青年|令其|相应|相对|母亲|伟业|厚街|"
    "经过|经济|经核|经查|经费|经调|经现|经与|经研|应由|应付|应收|应在|应按|应予|应对|应该|时段|和业|和市|和区|和街|和社|和物|和施|成品|成本|方可|方才|任何|任意|都已|都有|都在|都能|都会|向市|向区|向县|向上|向社|"
    "易涝|易积|易燃|易发|易堵|单独|单方|单车|全额|全体|全天|全员|全力|全长|通报|通行|通风|通过|通道|通话|通讯|通信|通告|高质|高发|高龄|石板|石墩|石头|白色|白云|安保|安抚|安排|安静|安检|"
    "平整|平时|平均|平房|平稳|连接|连日|连通|连锁|满足|满员|房源|房租|房价|房间|房子|房顶|文书|文物|文体|家电|家具|家装|家门|家园|家教|古镇|水利|水源|水池|水箱|水路|水井|水沟|水位|水渠|水厂|水系|水箱|水淹|水滴|水浸|"
    "云梯|商品|商会|商圈|商城|商住|商标|计量|计费|计算|计入|农业|农机|农药|农资|初期|初查|初审|海边|海域|沙尘|沙坑|党组|党政|年度|年检|年审|年费|步道|都是|支持|支撑|支线|解除|解封|门面|门诊|门票|门锁|门窗|原则|原有|原计|原先|原来|原定"
)
NAMELESS = "路车管温雷柴柳梅章纪符程盛包毛谷苗焦关严顾单沙水游"  # often nouns: 路面, 车棚
NEVER = "时后但随令其斯税底酒普冰火力经都可相位连须定直能满镇和东南来别原那从堵门家权全代班楼农年向通谈"  # surnames of the rarest that are everyday words
_USUAL = "高金任方石白齐易文"  # of names.RARE, those that many people have
_HAN = "[一-鿿㐀-䶿]"
_GIVEN = re.compile(r"[一-鿿㐀-䶿]")
# What no given name holds, and what makes a place or a unit of the word before it.
_NOT_GIVEN = "的了是在与及已也不没无被把将到就都等说称我你他她它们这那哪个后所您两每各某其此该第又再仍还均未回只时人"
_PLACE = "路街巷弄村庄镇乡区县市局院校站厂店湾坝寨堡屯组部科室隧股司队"
_LANDSCAPE = (
    "桥园港岛峪滩社城府郡苑邸河湖山厦塔寺庙"  # end names of places, and of persons where the next word tells a person
)
_PLACE_NEXT = (
    r"(?:沟(?!通)|[路街巷弄桥村庄镇乡区县市局院校厂店港湾坝寨堡屯组部科室岛峪城府苑河湖厦楼]|大道|大桥|社区|公司|集团|小区|花园|家园|公园|学校|小学|中学|医院|广场|车站|水厂|水库|热力|物业|市场|超市|酒店|宾馆|派出所|换热|"
    r"管理|工程|建设|开发|置业|地产|实业|商贸|站(?!长)|园(?!长))"
)
_TITLE = f"(?:{names.TITLES}|{names.WEAK_TITLES}|主管|总监|总工|院士|工程师|网格员|网格长|楼长|栋长|民警|老人|老师傅|婆婆|大爷)"
# What only a person does or has.
_PERSON = re.compile(
    r"(?:已经|已|也|均|都|仍|还|又|再|并|未|不|没有|没|当场|现场|当面|今天|昨天|昨日|今日|目前|现|书面|口头|电话|基本|比较|非常|十分|很|最终|最后|暂|亲自|对[^，。；]{1,12}){0,3}"
    r"(?:表示|同意|签字|签收|签名|签订|签了|认可|认同|满意|不满|说|称(?!号|重)|反映|承诺|接受|答应|拒绝|拒不|拒签|要求|希望|提出|反馈|告诉|告知|确认|撤诉|撤回|撤销投诉|道歉|"
    r"感谢|致谢|理解|谅解|来电|致电|来访|来信|投诉|举报|申诉|信访|上访|求助|咨询|打电话|打来|支付|在家|不在家|住院|生病|搬走|搬离|搬回|搬出|入住|出差|外出|情绪|态度|愿意|主张|认为|觉得|担心|领取|领到|收到|拿到|"
    r"到场|负责|牵头|陪同|带队|值守|跟进|对接|经办|联系|所[说反述称提]|等人|等\s*\d*\s*[户人名]|两[户人家位]|二人|本人|夫妇|夫妻|一家|一户|两口|家里|家中|家人|家属|家(?!庭|长|园|具|电|装|政|乡|禽|畜|门|委|村|湾|沟|庄|桥|居|教|冲|岭|坪|塘|坝|山|河|巷|路|街)|父|母|儿子|女儿|妻子|丈夫|配偶|子女|"
    r"户(?=[，。；、,;\s（(等的不已未也均]|$)|处(?=[，。；、,;\s核了查送取]|$)|名下|之[子女妻父母夫])" + f"|{_TITLE}"
)
_AFTER = re.compile(
    _PERSON.pattern
    + r"|$|[^一-鿿㐀-䶿]|[约回的了已也又再仍还均都将拟未不没无对就向在于从把被由为是有后前时等及和与同跟家户处所至到去来给说称并且则但而或以其身曾现今昨当两二三在打接收领交付取看问谈送做办讲住请入上]"
    r"|核实|核查|见面|沟通|协商|商量|商谈|了解|解释|说明|确认|通话|回复|答复|进行|补|退|赔|多|转|汇|支付|要求|情绪|希望|提出|反映|承诺|感谢|投诉|联系|电话|约定|面谈|谈话|座谈|调解|达成|介绍|老人|反馈|道歉|"
    + _TITLE
)
_PAIR = re.compile(rf"[和与及、](?=[{names.SURNAMES}{_USUAL}]{_HAN})")  # one more name
_NOUN = re.compile(
    r"(?:用户|住户|居民|村民|户主|业主|老人|家属|群众|市民|同志|师傅|经理|主任|科长|书记|局长|所长|队长|站长|处长|镇长|乡长|村长|组长|厂长|店长|院长|校长|园长|"
    r"网格员|网格长|楼长|民警|负责人|联系人|反映人|信访人|来电人|投诉人|诉求人|举报人|当事人|申请人|经办人|承办人|签收人|签字人|责任人|法人|代表|商户|店主|老板|房东|租户|租客|"
    r"工人|职工|员工|农民工|包工头|司机|车主|家长|学生|患者|病人|邻居|退休教师|教师|老师|医生|护士|会计|律师|干部|工作人员|维修工|水工|电工|热线员|党员|困难户|低保户|独居老人|楼上|楼下|隔壁|孤老|儿子|女儿|丈夫|妻子|父亲|母亲|委托人|"
    r"〔姓名〕[、和与及跟，,]|本人姓名|姓名|名叫|叫做)[（(：:“\s是为叫]{0,2}$"
)
_VERB = re.compile(
    r"(?:到|去|与|和|同|跟|找|给|约|向|对|请|由|派|经|让|叫|替|帮|为|是|访|问|拖欠|补发|发放|因|及|、|按|据|将|把|连同|陪同|会同|联系|回访|走访|约谈|告知|通知|安排|委托|指派|协调|劝说|说服|慰问|安抚|退给|看望|面见|会见|带|转给|见|接|送|来自|"
    r"答复|回复|拜访|探望|组织|转告|提醒|致电|电话|电联|上门|入户|帮助|协助|责成|督促|交由|退给|退还|赔付|赔偿|补偿|返还|发给|询问|走进|住在|还有)[过了到向给上的：:“]?$"
)
_OPEN = re.compile(r"(?:^|[^一-鿿㐀-䶿〕])$")
_OLD = re.compile(r"[老小阿]$")
_NUMBER_WORD = "[零〇一二三四五六七八九十百]{1,5}"
_HOUSE = re.compile(
    rf"(?<=[路街巷弄道里村组社屯庄同园院])(\s?(?:\d{{1,5}}|{_NUMBER_WORD})(?:\s?[-—–之弄附组社队]\s?\d{{1,5}})*\s?号"
    rf"(?!线|文件|文|台风|公告|令|通告|锅炉|机组|泵)(?:院|附\s?\d{{1,4}}\s?号|之[一二三四五六七八九十])?)"
)
_OTHER = (
    re.compile(rf"{_HAN}{{2,5}}[·•]{_HAN}{{2,8}}?(?=[，。；、\s]|$|[的已也不说称家同表反未签等和与])"),
    re.compile(rf"[{names.SURNAMES}{names.RARE}](?:[某×＊*]{{1,2}}|[xX]{{2}}|[XＸ](?![A-Za-z0-9]))"),
    re.compile(rf"[{names.SURNAMES}](?=姓(?!名))"),
)
_LETTER = 0xE100  # private-use characters that stand for known words while names are looked for


def _starts() -> frozenset[str]:
    seed = pl.read_csv(SEEDS / "surname_word.csv", infer_schema=False)
    return frozenset(surname + second for surname, seconds in seed.iter_rows() for second in seconds) | set(
        WORDS.split("|")
    )


_STARTS = _starts()
_SINGLE = frozenset(names.SURNAMES + names.RARE) - frozenset(NEVER)
_COMPOUND = frozenset(names.COMPOUND.split("|"))


def shielded(text: str, known: Iterable[str] = ()) -> tuple[str, list[str]]:
    """The text with known words (names of units and places, ordinary words) as single private-use characters, and these words."""
    found: list[str] = []

    def put(match: re.Match) -> str:
        found.append(match[0])
        return chr(_LETTER + len(found) - 1)

    return _any_of(tuple(known)).sub(put, text), found


@lru_cache(maxsize=8)
def _any_of(known: tuple[str, ...]) -> re.Pattern[str]:
    """Made once for all notes of a column: hundreds of words, and escaping them costs more than reading a note."""
    words = sorted({*INNER.split("|"), *(word for word in known if len(word) > 2)}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)))


def unshielded(text: str, found: list[str]) -> str:
    return re.sub(f"[{chr(_LETTER)}-{chr(0xF8FF)}]", lambda match: found[ord(match[0]) - _LETTER], text)


def persons(text: str, mark: str) -> str:
    """The text with what may be a person's name replaced by `mark`."""
    for pattern in _OTHER:
        text = pattern.sub(mark, text)
    start = 0
    while start < len(text):
        is_compound = text[start : start + 2] in _COMPOUND
        if (is_compound or text[start] in _SINGLE) and (end := _end(text, start, 1 + is_compound)):
            text = text[:start] + mark + text[end:]
            start += len(mark)
        else:
            start += 1
    return text


def houses(text: str, mark: str) -> str:
    """The text with house numbers of streets and villages replaced by `mark`."""
    return _HOUSE.sub(mark, text)


def _end(text: str, start: int, n_surname: int) -> int | None:
    """Where the name that begins at `start` ends; None where none does."""
    before, first = text[max(0, start - 12) : start], start + n_surname
    is_common = n_surname == 2 or (text[start] in names.SURNAMES and text[start] not in NAMELESS)
    is_usual = is_common or text[start] in _USUAL
    is_word = n_surname == 1 and text[start : start + 2] in _STARTS
    after_noun, after_verb, is_open = _NOUN.search(before), _VERB.search(before), _OPEN.search(before)
    for what in (_PERSON, _AFTER, _PAIR):
        for n in (2, 1):
            given, rest = text[first : first + n], text[first + n :]
            if not what.match(rest) or not _may_be_given(given, n, is_person=what is _PERSON) or _is_place(rest):
                continue
            if is_word and not (n == 2 and is_usual and (after_noun or (is_open and what is _PERSON))):
                continue
            if after_noun or (after_verb and (what is _PERSON or text[start] not in NAMELESS)):
                return first + n
            if what is _PERSON and (is_open or is_common):
                return first + n
            if what is _PAIR and is_open and is_common and n == 2:
                return first + n
    if not is_common or is_word:
        return None
    if _OLD.search(before) and (_AFTER.match(text[first:]) or _PERSON.match(text[first:])):
        return first
    for n in (2, 1):
        if (after_noun or (after_verb and n == 2)) and _may_be_given(text[first : first + n], n):  # unsure: a name
            return None if _is_place(text[first + n :]) else first + n
    return None


def _may_be_given(given: str, n: int, *, is_person: bool = False) -> bool:
    without = _NOT_GIVEN + _PLACE + ("" if is_person else _LANDSCAPE)
    return (
        len(given) == n
        and all(_GIVEN.match(one) and one not in without for one in given)
        and given[-1] not in "家户处表同签"
    )


def _is_place(rest: str) -> bool:
    return re.match(_PLACE_NEXT, rest) is not None
