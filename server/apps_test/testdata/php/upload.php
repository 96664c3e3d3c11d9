<?php
// Tells what arrived in the multipart field "file".
header('Content-Type: application/json');
$file = $_FILES['file'];
echo json_encode([
    'name' => $file['name'],
    'size' => $file['size'],
    'error' => $file['error'],
    'sha1' => $file['error'] === UPLOAD_ERR_OK ? sha1_file($file['tmp_name']) : '',
    'note' => $_POST['note'],
]);
