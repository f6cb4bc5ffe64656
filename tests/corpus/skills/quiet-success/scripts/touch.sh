for each; do : > "$each"; done
