#!/bin/sh
echo "$# arguments"
for each; do printf '[%s]\n' "$each"; done
