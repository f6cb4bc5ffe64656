# /// case
# promise = "the same in bash, over two seconds"
# status = "success"
# ///
number=$(sed -n 's/.*"n":\([0-9]*\).*/\1/p' /sandbox/input.json)
for line in 0 1 2; do
    echo "line $line"
    sleep 0.7
done
yes "$number" | head -n 5000 >/sandbox/out/files/number.txt
echo "{\"n\": $number}" >"$SANDBOX_OUTPUT"
