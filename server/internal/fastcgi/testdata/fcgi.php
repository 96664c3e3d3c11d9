<?php
header('Content-Type: text/plain');
$do = $_SERVER['QUERY_STRING'] ?? '';
if ($do === 'env') {
    foreach ($_SERVER as $name => $value) {
        if (is_string($value)) {
            echo "$name=$value\n";
        }
    }
} elseif ($do === 'echo') {
    readfile('php://input');
} elseif (preg_match('/^fill=(\d+)$/', $do, $found)) {
    for ($i = 0; $i < $found[1] / 1000; $i++) {
        echo str_repeat('x', 1000);
    }
} elseif ($do === 'stderr') {
    error_log('a warning');
    echo 'and an answer';
} elseif ($do === 'die') {
    echo 'half';
    flush();
    exec('kill -9 ' . getmypid());
}
