"""Every sentence of the stock board, once in each language.

A template names a sentence as {%key%}; the code says request.text("key").
To add a language, add a column here and its name to LANGUAGES.
"""

LANGUAGES = ("zh", "en")
HTML_LANG = {"zh": "zh-CN", "en": "en"}

TEXT = {
    "site":           ("股票看板", "Stock board"),
    "skip":           ("跳到正文", "Skip to content"),
    "nav":            ("主导航", "Main"),
    "nav_index":      ("行情", "Stocks"),
    "nav_center":     ("自选", "Following"),
    "other_language": ("English", "中文"),
    "sample":         ("样例数据，并非真实行情。", "Sample figures, not real quotes."),
    "made_by":        ("本页由进程 {pid} 生成，它已经结束。", "Process {pid} made this page and has ended."),
    "other_frames":   ("同样的事，别的语言：", "The same idea in other languages:"),

    "index_title":    ("股票行情", "All stocks"),
    "index_lead":     ("每一次点击都是一个新的进程。", "Every click is a new process."),
    "center_title":   ("我的自选", "Stocks I follow"),
    "center_lead":    ("你关注的股票和写下的备注。", "The stocks you follow and your notes on them."),
    "update_title":   ("修改备注", "Edit note"),
    "search":         ("搜索代码或简称", "Search by code or name"),
    "search_hint":    ("例如 600519 或 平安", "For example 600519 or 平安"),
    "search_go":      ("搜索", "Search"),
    "search_clear":   ("清除", "Clear"),
    "count":          ("共 {n} 只", "{n} stocks"),
    "rose":           ("涨", "up"),
    "fell":           ("跌", "down"),
    "flat":           ("平", "flat"),
    "none_found":     ("没有找到符合条件的股票。", "No stock matches."),
    "none_followed":  ("还没有关注任何股票。", "You do not follow any stock yet."),

    "label_name":     ("简称", "Name"),
    "label_change":   ("涨跌幅", "Change"),
    "label_turnover": ("换手率", "Turnover"),
    "label_price":    ("最新价（元）", "Price (CNY)"),
    "label_high":     ("前期高点", "Previous high"),
    "label_date":     ("高点日期", "Date of high"),
    "label_note":     ("备注", "Note"),
    "label_action":   ("操作", "Action"),
    "no_note":        ("暂无备注", "No note yet"),

    "follow":         ("关注", "Follow"),
    "unfollow":       ("取消关注", "Unfollow"),
    "edit":           ("修改备注", "Edit note"),
    "save":           ("保存", "Save"),
    "cancel":         ("返回", "Back"),
    "note_hint":      ("最多 {n} 个字", "At most {n} characters"),
    "to_index":       ("去看行情", "See all stocks"),
    "to_center":      ("去看自选", "See the stocks you follow"),

    "done_add":       ("已关注 {name}。", "You now follow {name}."),
    "done_del":       ("已取消关注 {name}。", "You no longer follow {name}."),
    "done_update":    ("{name} 的备注已保存。", "The note on {name} is saved."),

    "ask":            ("请确认", "Please confirm"),
    "ask_add":        ("要关注 {name} 吗？", "Follow {name}?"),
    "ask_del":        ("要取消关注 {name} 吗？它的备注也会删除。", "Stop following {name}? Its note will be deleted, too."),
    "ask_update":     ("把 {name} 的备注改成“{note}”吗？", "Change the note on {name} to “{note}”?"),
    "refused":        ("没有办成", "That did not work"),
    "already":        ("你已经关注了 {name}，不用再关注一次。", "You already follow {name}."),
    "not_followed":   ("你还没有关注 {name}。", "You do not follow {name}."),
    "no_stock":       ("没有代码为 {code} 的股票。", "There is no stock with the code {code}."),
    "no_page":        ("没有这个页面。", "There is no such page."),
    "no_method":      ("这个页面不接受这样的请求。", "This page does not take that kind of request."),
    "too_long":       ("备注太长了：最多 {n} 个字。", "The note is too long: at most {n} characters."),
    "too_large":      ("提交的内容太大了。", "That form is too large."),
    "stale_form":     ("表单已经过期。请回到上一页，刷新后再试。", "That form has expired. Go back, reload the page and try again."),
    "no_data":        ("暂时打不开数据库。原因写在服务器的日志里。", "The database cannot be opened just now. The server's log says why."),
}


def text(lang, key, **values):
    """The sentence `key` in the language `lang`, its {names} filled in."""
    return TEXT[key][LANGUAGES.index(lang)].format(**values)
