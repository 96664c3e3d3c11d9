TITLE = "根目录里的设置"
