// /// case
// promise = "an output document that breaks off"
// status = "failed"
// reason = "output"
// ///
require('fs').writeFileSync('/sandbox/out/output.json', '{"n": ');
