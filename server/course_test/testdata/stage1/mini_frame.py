def index():
    return "这里是首页"


def center():
    return "这里是个人中心"


def application(file_name):
    if file_name == "/index.py":
        return index()
    elif file_name == "/center.py":
        return center()
    else:
        return "找不到页面 %s" % file_name
