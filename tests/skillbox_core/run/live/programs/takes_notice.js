// Runs inside a sandbox: everything that a script can see of the process that it is.
const fs = require('fs')
const path = require('node:path')
const { execFileSync } = require('child_process')

const told = /^(SigB|SigI|SigC|Shd|Cap|Umask|TracerPid|NoNewPrivs|Seccomp|PPid)/
const seen = {
  argv: process.argv,
  execArgv: process.execArgv,
  title: process.title,
  cmdline: fs.readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, 2),
  environment: Object.fromEntries(Object.entries(process.env).sort()),
  folder: process.cwd(),
  file: [__filename, __dirname, require.main === module, module.id, module.parent, module.children.length, module.paths],
  cache: Object.keys(require.cache),
  descriptors: [0, 1, 2].map(number => fs.readlinkSync(`/proc/self/fd/${number}`).split(':')[0]),
  streams: [process.stdout, process.stderr, process.stdin].map(stream => [stream.constructor.name, stream.fd, stream.isTTY]),
  status: fs.readFileSync('/proc/self/status', 'utf8').split('\n').filter(line => told.test(line)),
  tmp: fs.readdirSync('/tmp'),
  sandbox: fs.readdirSync('/sandbox').sort(),
  listeners: process.eventNames().map(String),
  child: execFileSync(process.execPath, ['-p', 'JSON.stringify(process.execArgv)'], { encoding: 'utf8' }),
  input: fs.readFileSync(0, 'utf8'),
  joined: path.join('a', 'b')
}
fs.writeFileSync('/sandbox/out/output.json', JSON.stringify(seen))
process.on('exit', () => console.log('at exit'))
console.error('careful')
throw new Error('at last')
