#!/usr/bin/perl
use strict;
print "Content-Type: text/plain\n\n";
print "3 orders are open\n";
