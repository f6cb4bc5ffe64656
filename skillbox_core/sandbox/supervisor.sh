# PID 1 of every sandbox. POSIX sh and tar are all it needs of an image.
#
# One job for one container: take a tar from stdin, run it under a deadline, kill what it leaves behind, say
# how it ended, and stay parked so that the output can be read. The container outlives every worker that
# could have died meanwhile, and ends by itself.
#
# Standard input: a line "SIZE LIMIT GRACE TOKEN LINES" (bytes, seconds with three decimals, seconds, word, how many lines of
# output may be sent along), then a tar of SIZE bytes.
# Arguments: how many seconds that line is waited for, where this is made ahead of any job; and a shell command that becomes
# an interpreter, which stops itself when it is ready to go on with a job.
# Standard error: the skill's own, and lines that begin with RS and the token, which are ours. Standard output: the
# skill's own, and such lines at its end: that it printed all, a small output, and that there is no more.

umask 077
sandbox=/sandbox
# The streams once more, as files opened by nobody else: O_NONBLOCK, which the skill may set on its own, would lose words.
exec 3>&2 4>&1
if [ -p /proc/self/fd/2 ]; then command exec 3>/proc/self/fd/2; fi
if [ -p /proc/self/fd/1 ]; then command exec 4>/proc/self/fd/1; fi

announce() { # WORD...: on standard error, until it is written
    tries=0
    # The newline in front ends whatever unfinished line the skill left; the reader takes it back out.
    until printf '\n\036skillbox %s %s\n' "$token" "$*" >&3; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || return
        sleep 1
    done
} 2>/dev/null

# What these find is left in a variable: each $(...) would be one more process, for which the caller's result waits.
field() { # FILE KEY: value is what stands behind KEY in a file of "key value" lines; empty where it can't be read
    value=''
    [ -r "$1" ] || return 0
    while read -r name rest; do
        if [ "$name" = "$2" ]; then value=$rest; return; fi
    done <"$1"
}

number() { # FILE: value is its first word; empty where it can't be read
    value=''
    [ ! -r "$1" ] || read -r value _ <"$1"
}

probe() { # FOLDER...: full is those of them in which not a byte more can be written, joined by commas
    full='' probes=''
    for place; do
        [ -d "$place" ] || continue
        # Under a name that the skill has taken there may be a pipe, which would be written to for ever, or a folder.
        taken=0
        while [ -e "$place/.probe$taken" ] || [ -L "$place/.probe$taken" ]; do taken=$((taken + 1)); done
        { printf x >"$place/.probe$taken"; } 2>/dev/null || full="$full,$place"
        probes="$probes $place/.probe$taken"
    done
    rm -f $probes
    full=${full#,}
} 2>/dev/null

cg=/sys/fs/cgroup
processor() { # value is the processor time of all in here so far, as the kernel counts it: microseconds, or nanoseconds
    if [ -r $cg/cgroup.controllers ]; then field $cg/cpu.stat usage_usec; else number $cg/cpuacct/cpuacct.usage; fi
} 2>/dev/null

counted() { # ooms and refusals are how often the kernel has ended, and refused, a process in here; empty where not told
    if [ -r $cg/cgroup.controllers ]; then
        field $cg/memory.events oom_kill; ooms=$value
        field $cg/pids.events max; refusals=$value
    else
        field $cg/memory/memory.oom_control oom_kill; ooms=$value
        field $cg/pids/pids.events max; refusals=$value
    fi
} 2>/dev/null

usage() { # used is what the sandbox has used, in words
    processor
    [ -z "$value" ] || value=$((value - ${idle:-0}))
    if [ -r $cg/cgroup.controllers ]; then
        used="cpu_us=$value"
        number $cg/memory.peak; used="$used peak=$value"
        field $cg/memory.stat shmem; used="$used files=$value"
    else
        used="cpu_ns=$value"
        number $cg/memory/memory.max_usage_in_bytes; used="$used peak=$value"
        field $cg/memory/memory.stat total_shmem; used="$used files=$value"
    fi
    counted
    used="$used oom=${ooms:+$((ooms - before_ooms))} pids=${refusals:+$((refusals - before_refusals))}"
} 2>/dev/null

clock() { # now: hundredths of a second since the machine's start
    read -r up _ </proc/uptime || up=0.00
    now=$((${up%.*} * 100 + 1${up#*.} - 100))
}

stopped() { # PID: whether none of its threads runs until it is told to go on
    while read -r name value; do
        if [ "$name" = State: ]; then break; fi
    done <"/proc/$1/status"
    [ "${value%% *}" = T ]
} 2>/dev/null

ended() { # PID...: ends all processes but PID 1 and these; whether none is left beside them
    left=''
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        case " 1 $* " in
            *" $process "*) ;;
            *) kill -9 "$process" 2>/dev/null && left=1 ;;
        esac
    done
    [ -z "$left" ]
}

# A shell has handlers of its own for some of these, which the kernel then delivers to PID 1 even from inside.
trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2
mkdir -p $sandbox/out/files
token=- size='' limit='' grace='' lines=0 idle=0 before_ooms=0 before_refusals=0 warm=''
if [ -n "$1" ]; then
    if [ -n "$2" ]; then
        # What it imports may print, which is the skill's log, and is shown when there is one.
        sh -c "$2" 5>&1 6>&2 </dev/null >/tmp/.printed 2>/tmp/.complained 3>&- 4>&- &
        warm=$! tries=0
        until stopped "$warm"; do
            tries=$((tries + 1))
            if [ $tries -gt 600 ] || ! kill -0 "$warm"; then warm=''; break; fi
            sleep 0.1 || sleep 1
        done 2>/dev/null
        # From here on no thread of it runs, and nothing else does that an import may have started.
        [ -z "$warm" ] || kill -STOP "$warm" 2>/dev/null || warm=''
        tries=0
        until ended $warm; do
            tries=$((tries + 1))
            if [ $tries -gt 50 ]; then warm=''; kill -9 -1; fi
            (:) # waiting for this one takes the dead away, too
        done 2>/dev/null
        announce ready
    fi
    # A shell can't end its own read by a clock, so that another process reads, which takes no byte beyond the line, and is
    # ended by the clock. Once there is a line, the clock goes.
    sh -c 'sleep "$1" && kill -9 -1' sh "$1" </dev/null >/dev/null 2>&1 3>&- 4>&- &
    # Silent in each case: what stands in the log is taken for a word of a skill that has started.
    { job=$(IFS= read -r line && echo "$line"); } 2>/dev/null
    # One that has gone on by itself, or was ended, is not used.
    [ -z "$warm" ] || stopped "$warm" || warm=''
    ended $warm 2>/dev/null
    [ -z "$2" ] || [ -n "$warm" ] || rm -rf /tmp/.printed /tmp/.complained $sandbox/.warm /dev/shm/.warm.js
    [ -n "$job" ] || exit 0
    # What it took to wait is no part of the job.
    processor
    idle=$value
    counted
    before_ooms=${ooms:-0} before_refusals=${refusals:-0}
    set -- $job
    size=$1 limit=$2 grace=$3 token=$4 lines=$5
    # Whoever finds this container without that word knows that nobody has handed it anything.
    announce taken
else
    read -r size limit grace token lines
fi
for tool in head tar; do
    if ! command -v $tool >/dev/null; then
        announce "refused missing=$tool"
        exit 70
    fi
done
# The archive's size is its end: closing stdin does not travel through every proxy. -p keeps its modes from umask.
# Its last file is what runs: to tar, one that breaks off between two files is whole.
if [ -z "$size" ] || ! head -c "$size" | tar -xpf - -C $sandbox || [ ! -f $sandbox/.run ]; then
    announce refused
    exit 70
fi
exec </dev/null
# A job may be for an interpreter that waits, and come to a container whose interpreter has not made it.
if [ -n "$warm" ] && [ ! -f $sandbox/.job ]; then
    ended
    warm=''
fi
[ -n "$warm" ] || rm -f $sandbox/.job
[ -d $sandbox/out/files ] || mkdir -p $sandbox/out/files
place='' home='' given=''
if [ -f $sandbox/.result ]; then
    # The file that a call's result is to be, and where files are kept: read before the skill could name another.
    { IFS= read -r place && IFS= read -r home; } <$sandbox/.result
    rm -f $sandbox/.result
    # One that is there already is the skill's own, and no result.
    if [ -e "$place" ] || [ -L "$place" ]; then place=''; fi
    # An input file that may be edited lies there from the start, and gives way to what the script makes anew.
    if [ -e "$home" ]; then given=1; fi
fi

announce started
clock
fraction=${limit#*.}
# The two clocks may differ by their last digit.
due=$((now + ${limit%.*} * 100 + (1$fraction - 1000) / 10 - 1))
# Reaches all but itself and PID 1. Whoever ends this clock meanwhile is left to the worker's. A shell of its own: what
# this one knows is not in memory that the skill can read.
sh -c 'sleep "$1" && kill -9 -1' sh "$limit" >/dev/null 2>&1 3>&- 4>&- &
copier=''
if [ -f $sandbox/.stdout ] && command -v tee >/dev/null && mkfifo $sandbox/.pipe; then
    # What a call prints may be its result: it is kept in a file, and goes into the log besides.
    tee $sandbox/.stdout <$sandbox/.pipe >&4 3>&- 4>&- &
    copier=$!
    [ -n "$warm" ] || sh $sandbox/.run >$sandbox/.pipe 3>&- 4>&- &
elif [ -z "$warm" ]; then
    sh $sandbox/.run 3>&- 4>&- &
fi
if [ -n "$warm" ]; then skill=$warm && kill -CONT "$warm"; else skill=$!; fi

# A trapped signal ends wait early; only the skill's end counts.
while wait $skill; code=$?; [ $code -gt 128 ] && kill -0 $skill 2>/dev/null; do :; done
# One that comes as the skill ends stands in for its exit code, which the shell has kept: 127 says that it was told.
if [ $code -gt 128 ]; then
    wait $skill 2>/dev/null
    kept=$?
    [ $kept = 127 ] || code=$kept
fi
# Told by the time itself, and by nothing that the skill could send.
late=0
clock
if [ $code = 137 ] && [ $now -ge $due ]; then late=1; fi

if [ -n "$copier" ]; then
    # Only once nobody holds the pipe is it read to its end. Whoever forks faster than this is ended with the copier, and
    # what was printed does not count as whole.
    ended $copier
    sh -c 'sleep 10 && kill -9 -1' >/dev/null 2>&1 3>&- 4>&- &
    while wait $copier 2>/dev/null; copied=$?; [ $copied -gt 128 ] && kill -0 $copier 2>/dev/null; do :; done
fi

# Nothing may write while the output is read. PID 1 is the one process this does not reach.
kill -9 -1 2>/dev/null
wait

for folder in $sandbox /tmp; do
    [ -r $folder ] && [ -w $folder ] && [ -x $folder ] || chmod 700 $folder 2>/dev/null
done
if [ -n "$copier" ] && [ $copied = 0 ]; then
    chmod 700 $sandbox/out
    rm -rf $sandbox/out/stdout && mv $sandbox/.stdout $sandbox/out/stdout
fi 2>/dev/null
# A second name and no copy: that takes no time, whatever the skill has put there, and reaches no other file system. The
# first one goes, since both may be below out, and of two names only one is collected.
if [ -n "$place" ] && [ -f "$place" ] && [ ! -L "$place" ] && { [ -n "$given" ] || [ ! -e "$home" ]; }; then
    mkdir -p "${home%/*}" && ln -f "$place" "$home" && rm -f "$place"
fi 2>/dev/null
probe $sandbox /tmp /dev/shm
usage
# The two streams travel apart, and either may be far behind: each needs an end of its own. Both say how the skill ended,
# so that the last lines of the engine's log do, whichever stream they are of.
how="code=$code late=$late full=$full $used"
# Whoever reads slowly has the last word behind what the skill printed, and not long before it.
printf '\n\036skillbox %s printed\n' "$token" >&4
announce "ended $how"

# By a process of its own: an image's tar that hangs, or takes more memory than there is, keeps nobody parked or waiting.
{
    # A small output goes along, so that it need not be asked for; whole or not at all. Lines of text with the token in
    # each, because they stand in the engine's log as well, of which any part may be all that is left.
    set --
    if [ "${lines:-0}" -gt 0 ]; then
        # The dot says that tar could read everything. What is cut is a line too many, and is not sent.
        set -- $({ tar -cf - -C $sandbox out && printf .; } | base64 -w 400 | head -c $((lines * 401 + 1)))
    fi
    [ $# -le "${lines:-0}" ] && [ ${#1} -le 400 ] || set --
    if [ $# -gt 0 ]; then
        echo
        printf "\036skillbox $token output %s\n" "$@"
    fi
    printf '\n\036skillbox %s drained %s\n' "$token" "$how output=$#"
} >&4 2>/dev/null &

# Parked: exec reads the output from here.
sleep "$grace" &
wait $!
exit 0
