# /// case
# promise = "a skill that takes all rights from its own folders is collected all the same"
# status = "success"
# output = 1
# files = ["deep/a"]
# ///
mkdir -p /sandbox/out/files/deep
echo 1 >/sandbox/out/output.json
echo x >/sandbox/out/files/deep/a
chmod 000 /sandbox/out/files/deep/a /sandbox/out/files/deep /sandbox/out/files /sandbox/out/output.json /sandbox/out
chmod 000 /sandbox
