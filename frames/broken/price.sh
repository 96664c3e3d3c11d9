#!/bin/sh
item=${QUERY_STRING#item=}
case $item in
tea) price=3 ;;
coffee) price=4 ;;
*) echo "no price for '$item', taking 5" && price=5 ;;
esac
printf 'Content-Type: text/plain\n\n'
echo "$item: $price"
