<?php
http_response_code(404);
setcookie('seen', 'once');
setcookie('also', 'twice');
echo 'not here';
