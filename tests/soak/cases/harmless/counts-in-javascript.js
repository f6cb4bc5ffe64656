// /// case
// promise = "the same in JavaScript"
// status = "success"
// ///
const fs = require('fs');
const { n } = JSON.parse(fs.readFileSync('/sandbox/input.json'));
for (let line = 0; line < 3; line++) console.log('line', line);
fs.writeFileSync('/sandbox/out/files/number.txt', `${n}\n`.repeat(5000));
fs.writeFileSync('/sandbox/out/output.json', JSON.stringify({ n }));
