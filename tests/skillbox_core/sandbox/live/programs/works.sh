# Runs inside a sandbox: what shell scripts commonly need. Writes the names of what worked.
set -euo pipefail

[ "$(tr a-z A-Z <<<hi)" = HI ]
diff <(seq 3) <(printf '1\n2\n3\n')

coproc CAT { cat; }
echo through >&"${CAT[1]}"
read -r line <&"${CAT[0]}"
[ "$line" = through ]

sleep 60 &
kill -TERM $!
wait $! || [ $? = 143 ]
trap 'trapped=1' USR1
kill -USR1 $$
[ "$trapped" = 1 ]

mkfifo /tmp/pipe
echo through >/tmp/pipe &
read -r line </tmp/pipe
[ "$line" = through ]

[ "$(seq 1000 | sort -rn | sed -n 1p | xargs -n1 expr 1 +)" = 1001 ]
tar -C /sandbox -cf - scripts | tar -tf - | grep main.sh
timeout 5 sha256sum /etc/passwd

echo '["substitution", "coprocess", "signals", "named pipe", "pipeline", "tar"]' >"$SANDBOX_OUTPUT"
