<?php
// header('Location: ...') makes php-cgi print "Status: 302 Found" before it.
header('Location: ' . $_GET['to']);
