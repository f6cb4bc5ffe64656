// What a Node does that waits for its script: a module that it loads before it opens that. See warm_hook.py, which says more.
'use strict'

const fs = require('fs')
const { createRequire } = require('module')

const JOB = '/sandbox/.job'
const PRINTED = ['/tmp/.printed', '/tmp/.complained']
const OUTPUTS = [5, 6]

function warm (modules, script) {
  const load = createRequire(script)
  for (const name of modules) {
    try {
      load(name)
    } catch (error) {
      // One that is not there is the script's matter. One that fails is, too, and so this process ends: it may be half loaded.
      if (error.code !== 'MODULE_NOT_FOUND' || !error.message.includes(`'${name}'`)) process.reallyExit(1)
    }
  }
}

// The lowest number that is free is given: so what is opened takes the place of what was closed.
function replace (number, path, flags) {
  fs.closeSync(number)
  if (fs.openSync(path, flags) !== number) process.reallyExit(70)
}

function begin (job) {
  const said = PRINTED.map(path => fs.readFileSync(path))
  if (job.stdin) replace(0, job.stdin, 'r')
  replace(1, job.stdout || `/proc/self/fd/${OUTPUTS[0]}`, 'a')
  replace(2, `/proc/self/fd/${OUTPUTS[1]}`, 'a')
  OUTPUTS.forEach(number => fs.closeSync(number))
  said.forEach((text, at) => { for (let rest = text; rest.length > 0;) rest = rest.subarray(fs.writeSync(at + 1, rest)) })
  for (const path of [...PRINTED, JOB, '/sandbox/.run', job.stdin, job.stdout]) if (path) fs.unlinkSync(path)
  // A worker thread loads what its process did first, for as long as that is there to be asked for.
  fs.writeFileSync(__filename, '')
  for (const folder of job.folders) fs.mkdirSync(folder, { recursive: true })
  process.chdir(job.cwd)
  Object.assign(process.env, job.env, { PWD: job.cwd })
  process.argv.push(...job.args)
}

function main (modules) {
  const theirs = process.env.NODE_OPTIONS.replace(/^--require \S+ ?/, '')
  if (theirs) process.env.NODE_OPTIONS = theirs
  else delete process.env.NODE_OPTIONS
  delete require.cache[__filename]
  warm(modules, process.argv[1])
  process.kill(process.pid, 'SIGSTOP')
  begin(JSON.parse(fs.readFileSync(JOB, 'utf8')))
}
