# /// case
# promise = "a secret is redacted in every form in which bash prints it"
# env = { ODD = "pässwört $x 'y' 0815" }
# status = "failed"
# reason = "exit"
# never_tells = ["ssw", "0815"]
# ///
printf '%q\n' "$ODD"
LC_ALL=C bash -c 'printf "%q\n" "$ODD"; echo "${ODD@Q}"; declare -p ODD'
set -x
: "$ODD"
exit 1
