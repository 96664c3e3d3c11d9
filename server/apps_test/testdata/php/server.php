<?php
// Shows the variables of the request as PHP sees them.
header('Content-Type: application/json');
echo json_encode($_SERVER, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
