<?php
header('Content-Type: text/plain; charset=utf-8');
echo 'hello, ', $_GET['name'] ?? 'world', "\n", $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['PATH_INFO'], "\n", file_get_contents('php://input');
