# postern's program on a host. It changes files, and takes the change back when
# nobody confirms it: the guard after a while, the boot hook after a restart.
#
# It runs under dash, bash and busybox's ash. All that it knows comes from the
# lines before it or from $D/manifest, where each word was quoted by quote() of
# this package. No byte of the host is ever evaluated: names stand in variables,
# in double quotes, behind "--"; contents go through files.
#
# One directory holds everything. $D/state has one file whose name is the state:
#   prepared -> armed -> confirmed, or armed -> rolling -> rolledback.
# Each step is one rename(2): of two competitors one wins, the other is told
# that the file is not there.

ROOT=/var/lib/postern-fix
D=$ROOT/current
UNIT=postern-fix-rollback.service
UNITS=/etc/systemd/system
CRONHOOK=/etc/cron.d/postern-rollback
INITHOOK=/etc/init.d/postern-fix-rollback
POLICY=/etc/crypto-policies
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
unset CDPATH ENV BASH_ENV
NL='
'
IFS=" 	$NL"

say() { printf '%s %s %s\n' "${N-}" "$1" "$2"; }

# die CODE TEXT ends the step. A folder that this step made goes with it.
die() {
	say fail "$1 $2"
	[ -z "${OURS-}" ] || { settle; rm -rf -- "$D"; }
	exit 10
}

# at NAME is where a test may stop the host. FAIL is empty otherwise.
at() {
	case ${FAIL-} in "$1") say at "$1"; sleep 600; exit 99 ;; esac
}

# fsync: sync(1) of coreutils 8.24 and later takes files; others sync everything.
fsync() { sync -- "$@" 2>/dev/null || sync; }

uptime_s() { read -r UP _ </proc/uptime; UP=${UP%%.*}; }

# born PID gives when a process started; a pid alone may be another's by now.
born() {
	BORN=$(cat "/proc/$1/stat" 2>/dev/null) || { BORN=; return 1; }
	BORN=${BORN##*) }
	set -- $BORN
	BORN=${20-}
}

# boot_id: the kernel's number, and the birth of process 1, since containers that
# restart share a kernel.
boot_id() {
	read -r BOOT </proc/sys/kernel/random/boot_id
	born 1
	BOOT=$BOOT-$BORN
}

# lives FILE: a file "pid birth boot" names a process that still runs.
lives() {
	[ -s "$1" ] && read -r _p _b _o <"$1" && boot_id && [ "$_o" = "$BOOT" ] && born "$_p" && [ "$BORN" = "$_b" ]
}

myself() { boot_id; born "$$"; printf '%s %s %s\n' "$$" "$BORN" "$BOOT"; }

hash() { sha256sum <"$1" 2>/dev/null | cut -c1-64; }

# real PATH resolves links; names may end in newlines.
real() { REAL=$(readlink -f -- "$1" && echo x) || return 1; REAL=${REAL%x}; REAL=${REAL%"$NL"}; }

# is_link PATH TEXT: a link of that text stands there, whatever it leads to.
is_link() { [ -L "$1" ] && [ "$(readlink -- "$1")" = "$2" ]; }

parent() { DIR=${1%/*}; [ -n "$DIR" ] || DIR=/; }

# load I puts a change into K P R T US and its states before (B) and after (A).
load() {
	eval "K=\$K$1 P=\$P$1 R=\$R$1 T=\$T$1 US=\$US$1 RC=\$RC$1"
	eval "BX=\$BX$1 BH=\$BH$1 BU=\$BU$1 BG=\$BG$1 BM=\$BM$1 BI=\$BI$1"
	eval "AX=\$AX$1 AH=\$AH$1 AU=\$AU$1 AG=\$AG$1 AM=\$AM$1 BL=\$BL$1 AL=\$AL$1"
	NEW=$T/.postern-$ID-$1.new
	OLD=$T/.postern-$ID-$1.old
	# how a change is made: whole, or by its user, or by crontab(1)
	HOW=$K
	case $K,$US in
	sshd,* | policy, | table, | keys,) HOW=file ;;
	table,*) HOW=crontab ;;
	mode,?*) HOW=modeas ;;
	esac
}

# as USER COMMAND... runs with the rights of an account. setpriv changes no log;
# su is for hosts without it.
as() {
	_u=$1
	shift
	_uid=$(id -u -- "$_u") && _gid=$(id -g -- "$_u") || return 1
	if setpriv --reuid 0 true 2>/dev/null; then
		setpriv --reuid "$_uid" --regid "$_gid" --init-groups --no-new-privs -- "$@"
	else
		su -s /bin/sh "$_u" -c '"$@"' sh "$@"
	fi
}

# ---- what stands in the way: all of it before the first write

# no_link_race PATH: every folder above is root's, so that no name in it can be
# swapped by somebody else between two looks.
no_link_race() {
	_d=$1
	while :; do
		parent "$_d"
		_d=$DIR
		_s=$(stat -c '%u %g %a' -- "$_d" 2>/dev/null) || return 1
		set -- $_s
		[ "$1" = 0 ] || return 1
		case $3 in
		1???) ;;
		*[2367]) return 1 ;;
		*[2367]?) [ "$2" = 0 ] || return 1 ;;
		esac
		[ "$_d" != / ] || return 0
	done
}

is_mounted() {
	WHAT=$1 awk 'BEGIN { w = ENVIRON["WHAT"]; r = 1 }
		{ p = $5; gsub(/\\040/, " ", p); gsub(/\\011/, "\t", p); gsub(/\\012/, "\n", p); gsub(/\\134/, "\\", p); if (p == w) r = 0 }
		END { exit r }' /proc/self/mountinfo
}

# has_flag PATH: an attribute (chattr +i, +a) forbids to change it.
has_flag() {
	_a=$(lsattr -d -- "$1" 2>/dev/null) || return 1
	_a=${_a%% *}
	case $_a in *i* | *a*) return 0 ;; esac
	return 1
}

# can_write FILE: root may open it for writing. Not >>: what is append-only could be
# opened so, and hosts without e2fsprogs have no lsattr to tell. A shell opens with
# O_CREAT, which fs.protected_regular forbids root too for the tables of others in
# the spool's sticky folder (proc_sys_fs(5)); dd can do without.
can_write() {
	(: <>"$1") 2>/dev/null || dd if=/dev/null of="$1" conv=notrunc,nocreat count=0 2>/dev/null
}

# same I: the file is as the plan saw it.
same_before() {
	if [ "$BX" = 0 ]; then
		[ ! -e "$R" ] && [ ! -L "$R" ]
		return
	fi
	if [ -n "$BL" ]; then is_link "$R" "$BL" || return 1; else [ ! -L "$R" ] || return 1; fi
	_s=$(stat -c '%u %g %a %i' -- "$R" 2>/dev/null) || return 1
	set -- $_s
	[ "$1 $2 $3" = "$BU $BG $BM" ] || return 1
	# another inode: somebody replaced the file, if only by the same bytes; but for a
	# rollback of ours
	[ "$BI" = 0 ] || [ "$BI" = "$4" ] || grep -qsx "$4 $BI" "$ROOT"/records/*/restored || return 1
	[ -z "$BH" ] || { [ -f "$R" ] && was_there "$R"; }
}

# was_there FILE: its content is what the plan saw. An undo of crontab(1)'s work
# knows it without that one's header.
was_there() {
	[ "$(hash "$1")" = "$BH" ] || { [ "$HOW" = crontab ] && [ "$(bare <"$1" | sha256sum | cut -c1-64)" = "$BH" ]; }
}

same_after() {
	if [ "$HOW" = account ]; then
		account_done
		return
	fi
	if [ "$HOW" = modeas ]; then
		[ "$(looks)" = "$AU $AG $AM${BH:+$NL$BH}" ]
		return
	fi
	if [ "$AX" = 0 ]; then
		[ ! -e "$R" ] && [ ! -L "$R" ]
		return
	fi
	if [ -n "$AL" ]; then
		is_link "$R" "$AL"
		return
	fi
	[ ! -L "$R" ] && [ -e "$R" ] || return 1
	_s=$(stat -c '%u %g %a' -- "$R" 2>/dev/null) || return 1
	[ "$_s" = "$AU $AG $AM" ] || return 1
	case $HOW in
	crontab) [ "$(bare <"$R" | sha256sum)" = "$(bare <"$D/new/$1" | sha256sum)" ] ;;
	key) [ ! -s "$D/made/$1" ] || [ "$(hash "$R")" = "$(cat "$D/made/$1")" ] ;;
	*) [ -z "$AH" ] || [ "$(hash "$R")" = "$AH" ] ;;
	esac
}

# bare takes crontab(1)'s own three lines off: it writes them anew each time.
bare() { sed -e '1,3{' -e '/^# DO NOT EDIT THIS FILE/d' -e '/^# (.* installed on /d' -e '/^# (Cron version /d' -e '}'; }

check() {
	load "$1"
	case $R in
	/usr/local/*) ;;
	/nix/* | /gnu/* | /usr/*) die refused "$1 link: it lies where the system's packages do, and an update would undo the change" ;;
	esac
	case $HOW in
	keys | modeas)
		"check_$HOW" "$1"
		return
		;;
	account)
		check_account "$1"
		return
		;;
	esac
	parent "$R"
	real "$DIR" || die changed "$1 its folder is not there"
	[ "$REAL" = "$DIR" ] || die changed "$1 the folder is reached by a link now"
	if [ "$BX" = 1 ] && [ -z "$BL" ]; then
		real "$P" || die changed "$1 it is not there any more"
		[ "$REAL" = "$R" ] || die changed "$1 it leads elsewhere now"
	fi
	case $HOW in
	move) ;;
	*)
		no_link_race "$R" || die refused "$1 folder: somebody other than root can write in a folder above it"
		;;
	esac
	same_before || die changed "$1 it is not as the plan saw it"
	[ "$HOW" != key ] || { [ ! -e "$R.pub" ] && [ ! -L "$R.pub" ]; } || die changed "$1 its public half is there without it"
	! is_mounted "$R" || die refused "$1 mount: it is a mount of its own; its source has to be changed"
	if [ "$BX" = 1 ]; then
		case $HOW in
		file)
			_h=$(stat -c %h -- "$R")
			[ "$_h" = 1 ] || die refused "$1 links: the file has $_h names; replacing one would part them"
			;;
		esac
		! has_flag "$R" || die refused "$1 attribute: chattr made it immutable or append-only"
		if [ "$HOW" != move ] && [ ! -d "$R" ] && [ -z "$BL" ] && ! can_write "$R"; then
			die refused "$1 read-only: root cannot open it for writing (read-only file system, or an attribute)"
		fi
	fi
	! has_flag "$DIR" || die refused "$1 attribute: chattr made the folder immutable"
	case $HOW in
	file)
		[ "$(stat -c %d -- "$DIR")" = "$(stat -c %d -- "$T")" ] || die refused "$1 device: the folder is a file system of its own, and a file that is being written must not lie in it"
		(set -C; : >"$NEW") 2>/dev/null || die refused "$1 read-only: no file can be made beside it (read-only file system, full disk, or an attribute)"
		rm -f -- "$NEW" || die refused "$1 attribute: the folder is append-only: nothing in it can be replaced"
		;;
	esac
}

# shadow_line prints the line of the account US.
shadow_line() { WHO=$US awk -F: '$1 == ENVIRON["WHO"] { print; exit }' /etc/shadow; }

check_account() {
	[ "$(id -u -- "$US" 2>/dev/null)" = "$BU" ] || die changed "$1 the account $BU is not there, or another by now"
	[ "$US" != root ] || die refused "$1 account: it is root's"
	[ -n "$(shadow_line)" ] || die refused "$1 account: it has no line in /etc/shadow"
	for _t in usermod chage passwd; do
		command -v "$_t" >/dev/null || die refused "$1 tools: the host has no $_t"
	done
	! is_mounted /etc/shadow || die refused "$1 mount: it is a mount of its own; its source has to be changed"
	! has_flag /etc/shadow || die refused "$1 attribute: chattr made it immutable or append-only"
	! has_flag /etc || die refused "$1 attribute: chattr made the folder immutable"
	(: >>/etc/shadow) 2>/dev/null || die refused "$1 read-only: root cannot open it for writing (read-only file system, or an attribute)"
	[ -z "$RC" ] || [ -s "$ROOT/records/$RC" ] || die refused "$1 account: the record does not hold its line"
}

# A file below a folder that its user can write is looked at with that user's rights.
check_keys() {
	id -u -- "$US" >/dev/null 2>&1 || die changed "$1 its account is not there"
	_got=$(as "$US" /bin/sh -c '
		if [ -e "$1" ] || [ -L "$1" ]; then
			[ -f "$1" ] && [ ! -L "$1" ] || { echo special; exit; }
			sha256sum <"$1" | cut -c1-64
		else echo none; fi' sh "$R" 2>/dev/null </dev/null) || die refused "$1 rights: $US cannot be asked for it"
	case $BX,$_got in
	1,"$BH" | 0,none) ;;
	*) die changed "$1 it is not as the plan saw it" ;;
	esac
	! has_flag "$R" || die refused "$1 attribute: chattr made it immutable or append-only"
}

# looks prints owner, group and mode of R, and its content's hash, as its user sees it.
looks() {
	as "$US" /bin/sh -c '
		[ ! -L "$1" ] && { [ -f "$1" ] || [ -d "$1" ]; } && stat -c "%u %g %a" -- "$1" || exit 1
		[ -z "$2" ] || sha256sum <"$1" | cut -c1-64' sh "$R" "$BH" </dev/null 2>/dev/null
}

# The same for the mode of a file or folder that lies where its user can write: as
# root, chmod would go where he makes the name lead.
check_modeas() {
	id -u -- "$US" >/dev/null 2>&1 || die changed "$1 its account is not there"
	[ "$(looks)" = "$BU $BG $BM${BH:+$NL$BH}" ] || die changed "$1 it is not as the plan saw it, or $US cannot read it"
	! has_flag "$R" || die refused "$1 attribute: chattr made it immutable or append-only"
}

# rests: what the plan stands on is as it saw it, changed by it or not.
rests() {
	_r=0
	while [ "$_r" -lt "${RESTS:-0}" ]; do
		_r=$((_r + 1))
		eval "P=\$QP$_r R=\$QR$_r US=\$QU$_r BX=\$QX$_r BH=\$QH$_r _glob=\$QG$_r _want=\$QS$_r"
		rest || die changed "0 rest $_r $(stat -c %Y -- "$P" 2>/dev/null)"
	done
}

rest() {
	if [ "$BX" = 0 ]; then
		[ ! -e "$P" ] && [ ! -L "$P" ]
		return
	fi
	real "$P" && [ "$REAL" = "$R" ] || return 1
	if [ -n "$_glob" ]; then
		_got=$(cd -P -- "$R" && find . -maxdepth 1 -name "$_glob" ! -name '.*' | sort | sha256sum)
		[ "${_got%% *}" = "$BH" ]
		return
	fi
	_f='%u %g %a'
	[ -n "$BH" ] || _f="$_f %Y"
	if [ -n "$US" ]; then # with its user's rights: whatever stands there by now is his
		_got=$(as "$US" /bin/sh -c '[ -f "$1" ] && stat -c "$2" -- "$1" && { [ -z "$3" ] || sha256sum <"$1" | cut -c1-64; }' sh "$R" "$_f" "$BH" </dev/null 2>/dev/null)
		[ "$_got" = "$_want${BH:+$NL$BH}" ]
		return
	fi
	[ "$(stat -c "$_f" -- "$R" 2>/dev/null)" = "$_want" ] || return 1
	[ -z "$BH" ] || { [ -f "$R" ] && [ "$(hash "$R")" = "$BH" ]; }
}

# ---- what was touched, and is as it was

# A file that is given back has its old bytes and a new time of change, and so has the
# folder in which something was written beside it. Whoever asks next whether sshd has
# read its files (stale, audit/facts) would take that for somebody's edit. So it is
# written down: how each stood before and how it stands now, where these hold the same.
# An edit by somebody else moves the times on, and no line fits them any more. With
# them stands when sshd has read its files for a run.
GIVEN_BACK=$ROOT/records/.given-back

# stamps: how stat tells times here.
stamps() {
	STAMP='%i %.9Y %.9Z' STAMP1=%.9Y
	case $(stat -c %.9Y / 2>/dev/null) in *[!0-9.]* | '') STAMP='%i %Y %Z' STAMP1=%Y ;; esac
}

# standing PATH prints inode, times, and a hash of its bytes or of the names in it.
standing() {
	case $1 in *"$NL"*) return 1 ;; esac
	[ ! -L "$1" ] && _st=$(stat -c "$STAMP" -- "$1" 2>/dev/null) || return 1
	if [ -d "$1" ]; then
		_sh=$(find "$1" -maxdepth 1 ! -name '.postern-*' 2>/dev/null | sort | sha256sum | cut -c1-64)
	else
		_sh=$(hash "$1")
	fi
	printf '%s %s\n' "$_st" "$_sh"
}

# note writes down how the files that may change stand, and their folders.
note() {
	stamps
	_done=$NL
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		case $HOW in file | mode | key) ;; *) continue ;; esac
		parent "$R"
		for _p in "$R" "$DIR" "$T"; do
			case $_done in *"$NL$_p$NL"*) continue ;; esac
			_done=$_done$_p$NL
			_was=$(standing "$_p") && printf '%s %s\n' "$_was" "$_p"
		done
	done >"$D/stood" 2>/dev/null
}

# settle compares with that at a run's end, and needs no room that is not there.
settle() {
	[ -s "$D/stood" ] || return 0
	stamps
	_since=$(stat -c "$STAMP1" -- "$D/id" 2>/dev/null) || return 0
	while IFS=' ' read -r _a _b _c _h _p; do
		_is=$(standing "$_p") || continue
		[ "${_is##* }" = "$_h" ] && [ "$_is" != "$_a $_b $_c $_h" ] || continue
		printf 'back %s %s %s %s %s %s\n' "$_since" "$_a" "$_b" "$_c" "${_is% *}" "$_p"
	done <"$D/stood" | given_back
}

# kept FOLDER WAS: only our own names came or went in it since, in one moment.
kept() {
	_is=$(standing "$1") || return 0
	[ "${_is##* }" = "${2##* }" ] && [ "$_is" != "$2" ] || return 0
	printf 'kept - %s %s %s\n' "${2% *}" "${_is% *}" "$1" | given_back
}

# has_read PID MARK: that daemon has read its files since the mark was written, and
# before now. A log tells that to a second, and the files were written in the same one.
has_read() {
	stamps
	_since=$(stat -c "$STAMP1" -- "$2" 2>/dev/null) && : >"$D/now" && _now=$(stat -c "$STAMP1" -- "$D/now" 2>/dev/null) || return 0
	printf 'read %s %s %s\n' "$1" "$_since" "$_now" | given_back
}

given_back() {
	{
		tail -n 200 -- "$GIVEN_BACK"
		cat
	} >"$GIVEN_BACK.new" 2>/dev/null && mv -f -- "$GIVEN_BACK.new" "$GIVEN_BACK" 2>/dev/null || rm -f -- "$GIVEN_BACK.new"
}

# ---- the daemon

# sockets prints "inode port" of everything that listens; ports in hex.
sockets() {
	for _f in /proc/net/tcp /proc/net/tcp6; do
		[ ! -r "$_f" ] || awk '$4 == "0A" { n = split($2, a, ":"); print $10, a[n] }' "$_f"
	done
}

# owned PID prints "inode port" of the listening sockets that a process holds.
owned() {
	{
		sockets
		echo =
		ls -l "/proc/$1/fd" 2>/dev/null | sed -n 's/.* -> socket:\[\([0-9]*\)\]$/\1/p'
	} | awk '$0 == "=" { fds = 1; next } !fds { port[$1] = $2; next } ($1 in port) && !seen[$1]++ { print $1, port[$1] }'
}

# daemons prints the pids of root's sshds that listen, without the sessions: these
# may listen too (ssh -R).
daemons() {
	for _d in /proc/[0-9]*; do
		read -r _c 2>/dev/null <"$_d/comm" || continue
		[ "$_c" = sshd ] || continue
		_x=$(readlink -- "$_d/exe" 2>/dev/null) || continue
		case $_x in */sshd | */sshd' (deleted)') ;; *) continue ;; esac
		[ "$(stat -c %u -- "$_d" 2>/dev/null)" = 0 ] || continue
		_l=$(tr '\0' ' ' <"$_d/cmdline" 2>/dev/null)
		case $_l in
		'sshd: '*' [listener] '*) ;;
		'sshd: '*) continue ;;
		esac
		[ -n "$(owned "${_d#/proc/}")" ] || continue
		echo "${_d#/proc/}"
	done
}

# find_daemon sets PID to the sshd that owns the listener, SOCKET to 1 where it is
# process 1 that does.
find_daemon() {
	PID=
	SOCKET=0
	_all=$(daemons)
	set -- $_all
	if [ $# = 1 ]; then
		PID=$1
	elif [ $# -gt 1 ]; then
		# several: the plan's own, else the one that was there when the run began, else
		# the only one on the port that we came by
		_o= _b=
		[ ! -s "$D/daemon" ] || read -r _o _b <"$D/daemon"
		for _p in "$@"; do
			[ "$_p" != "$RELOAD_PID" ] || PID=$_p
		done
		for _p in "$@"; do
			[ -z "$PID" ] && [ "$_p" = "$_o" ] && born "$_p" && [ "$BORN" = "$_b" ] && PID=$_p
		done
		if [ -z "$PID" ] && [ -n "$PORT" ]; then
			for _p in "$@"; do
				case " $(owned "$_p" | cut -d' ' -f2 | tr '\n' ' ')" in
				*" $PORT "*)
					[ -z "$PID" ] || { PID=; break; } # at different addresses
					PID=$_p
					;;
				esac
			done
		fi
	fi
	if [ -d /run/systemd/system ] && [ -n "$PORT" ]; then
		case " $(owned 1 | cut -d' ' -f2 | tr '\n' ' ')" in *" $PORT "*) SOCKET=1 ;; esac
	fi
	[ -n "$PID" ] || [ "$SOCKET" = 1 ]
}

# daemon_state names the daemon and what it has read: it changes when sshd is
# started anew, and when it reads its files anew, since that opens new sockets.
daemon_state() {
	BORN=
	[ -z "$PID" ] || born "$PID"
	printf '%s %s\n' "${PID:-0}" "$BORN"
	[ -z "$PID" ] || owned "$PID" | sort
}

# came_by sets PORT (hex) to the local port of our own connection.
came_by() {
	set -- ${CONN-}
	PORT=
	case ${4-} in '' | *[!0-9]*) ;; *) PORT=$(printf '%04X' "$4") ;; esac
}

# listening: at least one of the daemon's ports, old or new, has a listener.
listening() {
	for _q in $(cat "$D/ports" 2>/dev/null); do
		grep -q "^ *[0-9]*: [0-9A-F]*:$_q [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null && return 0
	done
	return 1
}

# active_units prints which of ssh's units run.
active_units() {
	[ -d /run/systemd/system ] || return 0
	for _n in ssh.socket sshd.socket ssh.service sshd.service; do
		[ "$(systemctl is-active "$_n" 2>/dev/null)" != active ] || echo "$_n"
	done
}

# write_daemon SSHD keeps what guard and rollback have to know of the daemon.
write_daemon() {
	printf '%s' "$1" >"$D/sshd" && printf '%s\n' "$SOCKET" >"$D/socket" && daemon_state >"$D/daemon" && active_units >"$D/units" || return 1
	{
		[ -z "$PORT" ] || echo "$PORT"
		[ -z "$PID" ] || owned "$PID" | cut -d' ' -f2
	} | sort -u >"$D/ports" && [ -s "$D/ports" ]
}

privsep() { [ -d /run/sshd ] || mkdir -m 755 /run/sshd 2>/dev/null || :; }

# start_daemon brings a dead sshd back as it was started before.
start_daemon() {
	if [ -d /run/systemd/system ]; then
		systemctl reset-failed ssh.service ssh.socket sshd.service sshd.socket 2>/dev/null
		for _n in $(cat "$D/units" 2>/dev/null); do
			systemctl start "$_n" 2>/dev/null
		done
	fi
	listening && return 0
	[ -s "$D/sshd" ] || return 1
	privsep
	_x=$(cat "$D/sshd")
	# it hands its umask on to every login
	(umask 022 && with_start_args "$_x" </dev/null >/dev/null 2>&1)
}

# restarts says why the unit cannot give sshd a new command line.
restarts() {
	[ -d /run/systemd/system ] && [ "$SOCKET" = 0 ] && [ -n "$PID" ] || die refused "0 daemon: no unit of systemd's runs it"
	[ "$(systemctl show -p MainPID "$SUNIT" 2>/dev/null)" = "MainPID=$PID" ] || die changed "0 $SUNIT does not run the sshd that listens"
	[ "$(systemctl show -p KillMode "$SUNIT" 2>/dev/null)" = KillMode=process ] || die refused "0 daemon: $SUNIT would end all sessions when it is restarted (KillMode)"
	case $(systemctl show -p EnvironmentFiles "$SUNIT" 2>/dev/null) in *"=$POLICY/back-ends/opensshserver.config "*) ;; *) die refused "0 daemon: $SUNIT does not read $POLICY/back-ends/opensshserver.config" ;; esac
	[ "$(systemctl show -p NeedDaemonReload "$SUNIT" 2>/dev/null)" = NeedDaemonReload=no ] || die refused "0 daemon: $SUNIT was edited, and systemd has not read that (systemctl daemon-reload)"
}

# started_with: the daemon's command line has the plan's new words.
started_with() {
	_l=" $(tr '\0' ' ' <"/proc/$PID/cmdline" 2>/dev/null) "
	for _w in $(fresh_args); do
		case $_l in *" $_w "*) ;; *) return 1 ;; esac
	done
}

# renew makes the daemon read its files again. $1: the pid; "" none.
renew() {
	if [ "$RESTART" = 1 ]; then
		systemctl reset-failed "$SUNIT" 2>/dev/null
		systemctl restart "$SUNIT"
		return
	fi
	if [ "$(cat "$D/socket" 2>/dev/null)" = 1 ]; then
		# Never HUP: it would answer "Address already in use" and exit. Sessions stay,
		# the next connection starts it anew.
		for _n in ssh.service sshd.service; do
			[ "$(systemctl is-active "$_n" 2>/dev/null)" != active ] || systemctl stop "$_n"
		done
		return 0
	fi
	[ -z "$1" ] || kill -HUP "$1"
}

# ---- steps

# age sets AGE to the seconds since the run that holds the host began; -1: in another
# boot, so that whoever began it has lost his connection. Without the mark of that it
# begins this moment, or the host died before the mark was on the disk.
age() {
	boot_id
	AGE=-1
	[ -r "$D/since" ] || sleep 5
	[ -r "$D/since" ] || return 0
	read -r _o _t <"$D/since"
	uptime_s
	[ "$_o" != "$BOOT" ] || AGE=$((UP - _t))
}

cmd_status() {
	say uptime "$(cut -d. -f1 </proc/uptime)"
	say uid "$(id -u)"
	say connection "${CONN-}"
	for _s in prepared armed confirmed rolling rolledback; do
		[ ! -e "$D/state/$_s" ] || say state "$_s"
	done
	[ ! -d "$D" ] || say current 1
	[ ! -r "$D/id" ] || say run "$(head -c 100 "$D/id" | tr -cd 0-9a-f)"
	[ ! -d "$D" ] || { age; say age "$AGE"; }
	if [ -r "$D/deadline" ]; then
		boot_id
		read -r _o _t <"$D/deadline"
		uptime_s
		if [ "$_o" = "$BOOT" ]; then say left_s "$((_t - UP))"; else say left_s -1; fi
	fi
	if lives "$D/guard"; then say guard 1; else say guard 0; fi
	for _f in "$D"/left/*; do
		[ ! -e "$_f" ] || say left "${_f##*/}"
	done
	if [ -d "$ROOT/records" ]; then
		for _f in "$ROOT"/records/*/state/*; do
			[ -e "$_f" ] || continue
			_r=${_f%/state/*}
			say record "${_r##*/} ${_f##*/} $(stat -c %Y -- "$_r/state" 2>/dev/null)"
		done
	fi
	say done status
}

# lies_in_memory: the state would not survive a reboot.
lies_in_memory() {
	case $(stat -f -c %t -- "$1") in 1021994 | 858458f6) return 0 ;; esac
	return 1
}

cmd_prepare() {
	[ "$(id -u)" = 0 ] || die refused "0 rights: not root"
	for _t in awk sha256sum sed cut tr cat cp mv rm mkdir chmod chown stat readlink sync sleep grep ls head tail sort ln touch id find; do
		command -v "$_t" >/dev/null || die refused "0 tools: the host has no $_t"
	done
	[ ! -L "$ROOT" ] || die refused "0 state: $ROOT is a link"
	_new=
	[ -d "$ROOT" ] || { _new=1; mkdir -p -m 700 -- "$ROOT" 2>/dev/null || die refused "0 state: $ROOT cannot be made (read-only file system, or a full disk)"; }
	[ "$(stat -c '%u' -- "$ROOT")" = 0 ] || die refused "0 state: $ROOT is not root's"
	chmod 700 "$ROOT"
	no_link_race "$ROOT/x" || die refused "0 state: somebody other than root can write above $ROOT"
	! lies_in_memory "$ROOT" || die refused "0 state: $ROOT lies in memory and would not survive a reboot"
	# now: a disk that fills up meanwhile must not keep a run from being put away
	mkdir -p -- "$ROOT/records" 2>/dev/null || die refused "0 state: $ROOT cannot be written (read-only file system, or a full disk)"
	if ! mkdir -- "$D" 2>/dev/null; then
		[ ! -e "$D" ] || die busy "0 another run holds the host"
		die refused "0 state: $ROOT cannot be written (read-only file system, or a full disk)"
	fi
	OURS=1
	boot_id
	uptime_s
	{ printf '%s\n' "$ID" >"$D/id" && printf '%s %s\n' "$BOOT" "$UP" >"$D/since" &&
		mkdir "$D/old" "$D/new" "$D/meta" "$D/moved" "$D/made" "$D/left" "$D/state"; } 2>/dev/null ||
		die refused "0 state: $ROOT cannot be written (a full disk?)"
	at locked
	came_by
	if [ "$RELOAD" = 1 ]; then
		find_daemon || die refused "0 daemon: no sshd of root's was found that listens, or several, and which of them answers is not clear"
		if [ -n "$PID" ]; then
			_x=$(readlink -- "/proc/$PID/exe")
			_x=${_x%' (deleted)'}
		else
			_x=/usr/sbin/sshd
		fi
		[ -x "$_x" ] && no_link_race "$_x" || die refused "0 daemon: sshd's program is not root's alone"
		write_daemon "$_x" 2>/dev/null || die refused "0 state: $ROOT could not be written (a full disk?)"
		[ "$RESTART" = 0 ] || restarts
		say socket "$SOCKET"
		say pid "${PID:-0}"
	fi
	rests
	note
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		check "$_i"
	done
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		keep "$_i"
		if [ "$AX" = 1 ] && [ "$HOW" != mode ] && [ "$HOW" != modeas ] && [ "$HOW" != key ] && [ "$HOW" != move ] && [ "$HOW" != account ]; then
			"new_$_i" >"$D/new/$_i" 2>/dev/null || die refused "$_i state: its new content could not be written to $ROOT (a full disk?)"
			[ "$(hash "$D/new/$_i")" = "$AH" ] || die refused "$_i state: its new content did not arrive whole (a full disk?)"
		fi
	done
	the_manifest >"$D/manifest" && the_program >"$D/program" && the_plan >"$D/plan.json" || die refused "0 state: $ROOT could not be written (a full disk?)"
	[ "$(hash "$D/program")" = "$PROGRAM_HASH" ] && [ "$(hash "$D/manifest")" = "$MANIFEST_HASH" ] || die refused "0 state: what was written to $ROOT is not whole (a full disk?)"
	at copied
	find "$D" \( -type f -o -type d \) -exec sync -- '{}' + 2>/dev/null || sync
	fsync "$ROOT" "${ROOT%/*}"
	: >"$D/state/.x" && mv -f -- "$D/state/.x" "$D/state/prepared"
	fsync "$D/state"
	OURS=
	say done prepare
}

# keep copies what is there, with all that belongs to it, before anything changes.
keep() {
	[ "$BX" = 1 ] || return 0
	if [ "$HOW" = account ]; then
		shadow_line >"$D/old/$1" && [ -s "$D/old/$1" ] || die refused "$1 state: its line could not be copied to $ROOT (a full disk?)"
		return
	fi
	if [ "$HOW" = keys ] || [ "$HOW" = modeas ]; then
		[ -z "$BH" ] || as "$US" /bin/sh -c 'exec cat -- "$1"' sh "$R" </dev/null 2>/dev/null | head -c 16777216 >"$D/old/$1"
		as "$US" /bin/sh -c 'exec stat -c "%a %u %g %s %i %h %X %Y %Z" -- "$1"' sh "$R" </dev/null >"$D/meta/$1" 2>/dev/null
	else
		stat -c '%a %u %g %s %i %h %X %Y %Z' -- "$R" >"$D/meta/$1"
		lsattr -d -- "$R" >>"$D/meta/$1" 2>/dev/null
		[ "$HOW" = move ] && [ -d "$R" ] && return 0
		cp -a -- "$R" "$D/old/$1" 2>/dev/null || die refused "$1 state: it could not be copied to $ROOT (a full disk?)"
	fi
	if [ -n "$BL" ]; then
		is_link "$D/old/$1" "$BL" || die changed "$1 its copy is not the link that the plan saw"
		return
	fi
	[ -z "$BH" ] || was_there "$D/old/$1" || die changed "$1 its copy is not what the plan saw (changed just now, or a full disk)"
}

# cmd_policy has the host's own tool make the back-ends with the new sub-policy, on a
# copy that stands over /etc/crypto-policies in a mount namespace of this step's own.
# Nothing of it touches the disk.
cmd_policy() {
	[ "$(id -u)" = 0 ] || die refused "0 rights: not root"
	for _t in sha256sum cut cat cp mkdir mount readlink stat find rm grep; do
		command -v "$_t" >/dev/null || die refused "0 tools: the host has no $_t"
	done
	[ ! -e /run/ostree-booted ] || die refused "0 the host runs an image: the sub-policy belongs into it"
	_f=0
	[ ! -r /proc/sys/crypto/fips_enabled ] || read -r _f </proc/sys/crypto/fips_enabled
	[ "$_f" = 0 ] || die refused "0 the kernel runs in FIPS mode, and what that demands is not to be changed piecemeal"
	[ -d "$POLICY" ] && [ ! -L "$POLICY" ] && no_link_race "$POLICY/x" || die refused "0 $POLICY is not root's alone, or a link"
	_x=$(command -v update-crypto-policies) || die refused "0 the host has no update-crypto-policies"
	case $_x in /*) ;; *) die refused "0 update-crypto-policies is no program" ;; esac
	real "$_x" && no_link_race "$_x" && no_link_race "$REAL" && [ "$(stat -c %u -- "$REAL")" = 0 ] || die refused "0 update-crypto-policies is not root's alone"
	unshare -m true 2>/dev/null || die refused "0 this host makes no mount namespace, so the sub-policy cannot be tried before it is in force"
	_before=$(fingerprint)
	_m=$(the_module && echo x) || die refused "0 the sub-policy did not arrive"
	_c=
	[ -z "${CONFIG-}" ] || _c=$(the_config && echo x) || die refused "0 the configuration did not arrive"
	N=$N TOOL=$_x POLICY=$POLICY MODULE=$MODULE unshare -m /bin/sh -c "$policy_trial" sh "$_m" "$_c" </dev/null
	_rc=$?
	[ "$_before" = "$(fingerprint)" ] || die leaked "0 /etc is not what it was before the trial"
	case $_rc in
	0) say done policy ;;
	9) exit 10 ;;
	*) die refused "0 the sub-policy could not be tried ($_rc)" ;;
	esac
}

# What it runs there. $1 and $2 are the module and the configuration, with an x behind.
policy_trial='
say() { printf "%s %s %s\n" "$N" "$1" "$2"; }
die() { say fail "refused 0 $1"; exit 9; }
hash() { sha256sum <"$1" 2>/dev/null | cut -c1-64; }
mount --make-rprivate / || die "the mounts cannot be made private"
mount -t tmpfs -o mode=755,size=64m tmpfs /tmp || die "no file system of its own can be mounted"
W=/tmp/postern
mkdir -m 755 "$W" "$W/before" "$W/empty" || exit 21
cp -a -- "$POLICY" "$W/policy" || die "$POLICY could not be copied"
for f in "$POLICY"/back-ends/*; do
	[ -f "$f" ] || die "a back-end leads nowhere: ${f##*/}"
	cat -- "$f" >"$W/before/${f##*/}" || exit 22
done
umask 022
# never written through a link
M=$W/policy/policies/modules/$MODULE
rm -f -- "$M" && printf %s "${1%x}" >"$M" || exit 23
if [ -n "$2" ]; then rm -f -- "$W/policy/config" && printf %s "${2%x}" >"$W/policy/config" || exit 24; fi
mount --bind "$W/policy" "$POLICY" || die "the copy cannot be mounted"
cd "$W/empty" || exit 25
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C PYTHONDONTWRITEBYTECODE=1 "$TOOL" --no-reload >"$W/said" 2>&1 </dev/null ||
	die "update-crypto-policies failed: $(tail -c 600 "$W/said" | tr "\n" " ")"
for f in "$POLICY"/back-ends/* "$W"/before/*; do
	b=${f##*/}
	[ "$b" != opensshserver.config ] || continue
	case $f in "$W"/*) [ ! -e "$POLICY/back-ends/$b" ] || continue ;; esac
	[ "$(hash "$POLICY/back-ends/$b")" = "$(hash "$W/before/$b")" ] || say other "$(printf %s "$b" | tr -c "A-Za-z0-9._-" "?" | cut -c1-60)"
done
for f in back-ends/opensshserver.config state/current state/CURRENT.pol; do
	[ -f "$POLICY/$f" ] || die "update-crypto-policies wrote no $f"
	say "${f##*/}" "$(hash "$POLICY/$f")"
	say begin "${f##*/}"
	head -c 262144 "$POLICY/$f"
	say end "${f##*/}"
done
'

# fingerprint of the live configuration and of the mounts on it, from outside.
fingerprint() {
	{
		find /etc/ssh /etc/crypto-policies -exec stat -c '%i %s %Y %Z %f %u %g' -- '{}' +
		find /etc/ssh /etc/crypto-policies | LC_ALL=C sort | sha256sum
		grep -e ' /etc/ssh' -e ' /etc/crypto-policies' /proc/self/mountinfo
	} 2>/dev/null | sort | sha256sum
}

cmd_stage() {
	. "$D/manifest"
	[ -e "$D/state/prepared" ] || die state "0 the run is not prepared"
	_before=$(fingerprint)
	rm -rf -- "$D/stage"
	mkdir "$D/stage" && cp -a /etc/ssh "$D/stage/ssh" 2>/dev/null || die refused "0 state: /etc/ssh could not be copied (a full disk?)"
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		case $K in sshd | key | mode) ;; *) continue ;; esac
		case $R in
		/etc/ssh/*) _t=$D/stage/ssh/${R#/etc/ssh/} ;;
		*)
			[ "$K" = sshd ] || continue
			[ "$BX" = 1 ] && [ "$AX" = 1 ] || die refused "$_i stage: a file outside /etc/ssh that comes or goes cannot be tried first"
			continue
			;;
		esac
		case $K in
		key)
			host_key "$_t" || die refused "$_i key: ssh-keygen failed"
			;;
		*)
			if [ "$AX" = 0 ]; then
				rm -f -- "$_t"
				continue
			fi
			[ "$K" = mode ] || { rm -f -- "$_t" && cat "$D/new/$_i" >"$_t"; } || die refused "$_i state: a full disk?"
			chown "$AU:$AG" -- "$_t" && chmod "$AM" -- "$_t" || die refused "$_i stage: its owner or mode cannot be set"
			;;
		esac
	done
	if ! unshare -m true 2>/dev/null; then
		die refused "0 stage: this host makes no mount namespace, so the new files cannot be tried before they are in force"
	fi
	N=$N CONN=$CONN unshare -m /bin/sh "$D/program" staged </dev/null
	_rc=$?
	rm -rf -- "$D/stage"
	[ "$_before" = "$(fingerprint)" ] || die leaked "0 /etc/ssh is not what it was before the trial"
	[ "$_rc" = 0 ] || exit 10
	say done stage
}

# staged runs inside the namespace of its own.
cmd_staged() {
	. "$D/manifest"
	# util-linux before 2.27 does not do it by itself, and the bind would show outside.
	mount --make-rprivate / || die refused "0 stage: the mounts cannot be made private"
	mount --bind "$D/stage/ssh" /etc/ssh || die refused "0 stage: the trial's folder cannot be mounted"
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		[ "$K" = sshd ] || continue
		case $R in /etc/ssh/*) ;; *) mount --bind "$D/new/$_i" "$R" || die refused "$_i stage: the trial's file cannot be mounted" ;; esac
	done
	[ -d /run/sshd ] || { mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd; }
	ask
}

# sshd_says runs sshd with arguments of its own and these; E is what it says.
# Where systemd holds the socket, it removes /run/sshd at the end of each session,
# so that may go between our look and sshd's.
sshd_says() {
	_x=$(cat "$D/sshd" 2>/dev/null)
	[ -n "$_x" ] || _x=/usr/sbin/sshd
	for _k in 1 2 3; do
		privsep_for_test
		E=$(with_test_args "$_x" "$@" 2>&1 </dev/null) && return 0
		case $E in *[Pp]"rivilege separation directory"*) ;; *) return 1 ;; esac
	done
	return 1
}

# ask has sshd read its files and say what it makes of them.
ask() {
	sshd_says -t || die sshd "0 sshd refuses the files: $(printf '%s' "$E" | tr '\n' ' ' | tail -c 600)"
	_j=0
	while [ "$_j" -lt "$CHECKS" ]; do
		_j=$((_j + 1))
		eval "_spec=\$C$_j"
		eval "_user=\$W$_j"
		say begin "$_j"
		sshd_says -T -C "$_spec" || die sshd "0 sshd cannot say what holds for login $_j: $(printf '%s' "$E" | tr '\n' ' ' | tail -c 600)"
		printf '%s\n' "$E"
		say end "$_j"
		say groups "$_j $(id -Gn -- "$_user" 2>/dev/null | tr '\n' ' ')"
	done
}

# ---- the guard and what survives a reboot

hook_unit() {
	cat <<-END
	[Unit]
	Description=Take back an unconfirmed change of sshd's files
	Documentation=https://github.com/postern-ssh/postern
	DefaultDependencies=no
	RequiresMountsFor=$ROOT /etc/ssh /usr
	After=local-fs.target systemd-remount-fs.service
	Before=ssh.service sshd.service ssh.socket sshd.socket cron.service crond.service shutdown.target
	Conflicts=shutdown.target
	ConditionPathExists=|$D/state/armed
	ConditionPathExists=|$D/state/rolling

	[Service]
	Type=oneshot
	ExecStart=/bin/sh $D/program boot

	[Install]
	WantedBy=multi-user.target
	END
}

# wants are the links that systemctl enable would make. They are made by hand:
# it would make systemd read all units again, other people's edits among them.
WANTS="multi-user.target.wants ssh.service.wants sshd.service.wants ssh.socket.wants sshd.socket.wants"

hook() {
	if [ -d /run/systemd/system ]; then
		[ ! -L "$UNITS" ] || return 1
		hook_unit >"$UNITS/.$UNIT" && chmod 644 "$UNITS/.$UNIT" || return 1
		fsync "$UNITS/.$UNIT"
		mv -f -- "$UNITS/.$UNIT" "$UNITS/$UNIT" || return 1
		for _w in $WANTS; do
			[ -d "$UNITS/$_w" ] || { mkdir -m 755 "$UNITS/$_w" && echo "$_w" >>"$D/wants"; } || return 1
			ln -sfn "../$UNIT" "$UNITS/$_w/$UNIT" || return 1
			fsync "$UNITS/$_w"
		done
		fsync "$UNITS"
		say hook systemd
		return 0
	fi
	if [ -d /etc/rcS.d ] && [ -d /etc/init.d ] && [ -e /etc/inittab ] && [ "$(cat /proc/1/comm)" = init ]; then
		{
			printf '%s\n' '#!/bin/sh' '### BEGIN INIT INFO' '# Provides: postern-fix-rollback' '# Required-Start: $local_fs' \
				'# Required-Stop:' '# X-Start-Before: ssh' '# Default-Start: S' '# Default-Stop:' \
				'# Short-Description: Take back an unconfirmed change of the files of sshd' '### END INIT INFO' \
				"[ \"\$1\" != start ] || exec /bin/sh $D/program boot"
		} >"$INITHOOK.new" && chmod 755 "$INITHOOK.new" && fsync "$INITHOOK.new" && mv -f -- "$INITHOOK.new" "$INITHOOK" || return 1
		if command -v update-rc.d >/dev/null; then
			update-rc.d postern-fix-rollback defaults >/dev/null 2>&1 || return 1
		else
			ln -sfn ../init.d/postern-fix-rollback /etc/rcS.d/S99postern-fix-rollback || return 1
		fi
		fsync /etc/init.d /etc/rcS.d
		say hook init
		return 0
	fi
	# Last: after sshd has started, so there is a window, and the plan says so. A
	# file of its own: root's crontab is evidence. Busybox's crond does not read it.
	if [ -d /etc/cron.d ] && [ ! -L /etc/cron.d ] && cron_runs; then
		printf '@reboot root /bin/sh %s/program boot\n' "$D" >/etc/.postern-rollback && chmod 644 /etc/.postern-rollback || return 1
		fsync /etc/.postern-rollback
		mv -f -- /etc/.postern-rollback "$CRONHOOK" || return 1
		fsync /etc/cron.d
		say hook cron
		return 0
	fi
	return 1
}

cron_runs() {
	for _d in /proc/[0-9]*; do
		read -r _c 2>/dev/null <"$_d/comm" || continue
		case $_c in cron | crond) ;; *) continue ;; esac
		_x=$(readlink -- "$_d/exe" 2>/dev/null) || continue
		_x=${_x%' (deleted)'}
		case $_x in */cron | */crond) ;; *) continue ;; esac
		[ "$(stat -c %u -- "$_d" 2>/dev/null)" = 0 ] && no_link_race "$_x" && knows_reboot "$_c" "$_x" && return 0
	done
	return 1
}

# knows_reboot NAME PROGRAM: Debian's cron and cronie take @reboot and a user's name in
# /etc/cron.d; dcron, which is called crond as cronie is, takes that name for a program.
knows_reboot() {
	[ "$1" = crond ] || return 0
	"$2" -V </dev/null 2>&1 | grep -qi cronie
}

unhook() {
	if [ -e "$UNITS/$UNIT" ] || [ -e "$UNITS/.$UNIT" ]; then
		for _w in $WANTS; do
			rm -f -- "$UNITS/$_w/$UNIT"
			# only a folder that was made for it
			! grep -qsx "$_w" "$D/wants" || rmdir -- "$UNITS/$_w" 2>/dev/null
		done
		rm -f -- "$UNITS/$UNIT" "$UNITS/.$UNIT"
		fsync "$UNITS"
	fi
	if [ -e "$INITHOOK" ]; then
		rm -f -- "$INITHOOK" "$INITHOOK.new"
		if command -v update-rc.d >/dev/null; then update-rc.d postern-fix-rollback remove >/dev/null 2>&1; fi
		rm -f -- /etc/rcS.d/S*postern-fix-rollback
	fi
	rm -f -- "$CRONHOOK" /etc/.postern-rollback
}

start_guard() {
	rm -f -- "$D/guard"
	if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
		_g=postern-fix-guard-$ID
		# a guard that is killed is started again: its deadline is on the disk
		systemd-run --quiet --collect --unit="$_g" -p OOMScoreAdjust=-900 -p Restart=on-failure -p RestartSec=1 /bin/sh "$D/program" guard </dev/null >/dev/null 2>&1 ||
			systemd-run --quiet --unit="$_g" /bin/sh "$D/program" guard </dev/null >/dev/null 2>&1 || return 1
	elif command -v setsid >/dev/null; then
		setsid /bin/sh "$D/program" guard </dev/null >/dev/null 2>&1 &
	else
		return 1
	fi
	_k=0
	while ! lives "$D/guard"; do
		_k=$((_k + 1))
		[ "$_k" -lt 50 ] || return 1
		sleep 0.2 2>/dev/null || sleep 1
	done
}

# cmd_arm: $DEADLINE seconds from now.
cmd_arm() {
	. "$D/manifest"
	[ -e "$D/state/prepared" ] || die state "0 the run is not prepared"
	if [ "$GUARDED" = 1 ]; then
		boot_id
		uptime_s
		_new=$(for _q in $NEWPORTS; do printf '%04X\n' "$_q"; done)
		{ { [ -z "$_new" ] || printf '%s\n' "$_new" >>"$D/ports"; } && printf '%s %s\n' "$BOOT" "$((UP + DEADLINE))" >"$D/deadline"; } 2>/dev/null || die refused "0 state: $ROOT could not be written (a full disk?)"
		fsync "$D/deadline" "$D"
		at deadline
		hook || { unhook; die refused "0 hook: nothing on this host would take the change back after a reboot (no systemd, no init scripts, no cron that reads /etc/cron.d), or it cannot be written"; }
		at hooked
		start_guard || { unhook; die refused "0 guard: the guard does not run"; }
		at guarded
	fi
	mv -- "$D/state/prepared" "$D/state/armed" 2>/dev/null || die state "0 the run was taken away"
	fsync "$D/state"
	say done arm
}

time_left() {
	[ -r "$D/deadline" ] || return 0
	read -r _o _t <"$D/deadline"
	uptime_s
	[ "$UP" -lt "$((_t - $1))" ]
}

cmd_guard() {
	. "$D/manifest"
	trap '' HUP
	cd "$D" || exit 1
	myself >"$D/.guard" && mv -f -- "$D/.guard" "$D/guard"
	_gone=
	while :; do
		# prepared first: between the two looks it may become armed, never the reverse
		if [ ! -e "$D/state/prepared" ] && [ ! -e "$D/state/armed" ]; then
			[ ! -e "$D/state/rolling" ] || roll
			exit 0
		fi
		time_left 0 || break
		if [ -s "$D/ports" ] && [ -e "$D/state/armed" ]; then
			if listening; then
				_gone=
			else
				uptime_s
				: "${_gone:=$UP}"
				[ "$((UP - _gone))" -lt 3 ] || break
			fi
		fi
		sleep 1
	done
	[ -e "$D/state/armed" ] || exit 0
	roll
}

cmd_boot() {
	. "$D/manifest"
	read -r _o _t <"$D/deadline"
	boot_id
	# systemd may start us beside ssh.service: in the boot that armed, the guard decides.
	# systemctl soft-reboot ends it, and the boot's number stays.
	! { [ "$_o" = "$BOOT" ] && lives "$D/guard"; } || exit 0
	AFTER_BOOT=1
	roll
}

# ---- install

cmd_install() {
	. "$D/manifest"
	# the guard must be able to end it
	myself 2>/dev/null >"$D/step" || die failed "0 $ROOT could not be written (a full disk?)"
	[ -e "$D/state/armed" ] || die state "0 the run is not armed"
	[ "$GUARDED" = 0 ] || lives "$D/guard" || die refused "0 guard: the guard has died"
	rests
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		check "$_i"
		load "$_i"
		[ "$HOW" = file ] || continue
		write_beside "$_i" || die refused "$_i write: its new content could not be written (a full disk?)"
	done
	at written
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		[ -e "$D/state/armed" ] && time_left 2 || die state "0 the time is over"
		"do_$HOW" "$_i" || die failed "$_i it could not be changed"
		same_after "$_i" || [ "$HOW" = keys ] || die failed "$_i it is not what was written"
		at "changed$_i"
	done
	rm -f -- "$D/step"
	say done install
}

# write_beside makes the new file and the way back next to where they will stand.
write_beside() {
	rm -f -- "$NEW" "$OLD"
	if [ "$BX" = 1 ]; then
		cp -a -- "$R" "$OLD" || return 1
		if [ -n "$BL" ]; then is_link "$OLD" "$BL" || return 1; else
			[ "$(hash "$OLD")" = "$BH" ] || return 1
			fsync "$OLD"
		fi
	fi
	[ "$AX" = 1 ] || { fsync "$T"; return 0; }
	if [ -n "$AL" ]; then
		ln -s -- "$AL" "$NEW" && chown -h "$AU:$AG" -- "$NEW" && fsync "$T"
		return
	fi
	# The copy brings labels, ACLs and other attributes along. A link is never copied:
	# what it leads to would be written.
	if [ "$BX" = 1 ] && [ -z "$BL" ]; then cp -a -- "$R" "$NEW" || return 1; else (set -C; : >"$NEW") || return 1; fi
	cat "$D/new/$1" >"$NEW" 2>/dev/null && chown "$AU:$AG" -- "$NEW" && chmod "$AM" -- "$NEW" || return 1
	[ "$(hash "$NEW")" = "$AH" ] || return 1
	fsync "$NEW" "$T"
}

label() { [ ! -x /sbin/restorecon ] || /sbin/restorecon -- "$1" 2>/dev/null || :; }

do_file() {
	parent "$R"
	if [ "$AX" = 1 ]; then
		mv -f -- "$NEW" "$R" || return 1
		[ "$BX" = 1 ] && [ "$BL" = "$AL" ] || label "$R"
	else
		rm -f -- "$R" || return 1
	fi
	fsync "$DIR"
}

do_mode() { chown "$AU:$AG" -- "$R" && chmod "$AM" -- "$R" && fsync "$R" && tell_cron; }

# tell_cron has cron look at its tables again: it compares times of change, which
# owner and mode do not move.
tell_cron() {
	case $R in
	/etc/crontab | /etc/cron.d/*) [ ! -d /etc/cron.d ] || touch -- /etc/cron.d ;;
	/var/spool/cron/*) parent "$R" && touch -- "$DIR" ;;
	esac
}

do_modeas() { chmod_as "$AM"; }

# chmod_as MODE: the owner stays, since only root could give it away.
chmod_as() {
	as "$US" /bin/sh -c '[ ! -L "$1" ] && chmod "$2" -- "$1" && { sync -- "$1" 2>/dev/null || sync; }' sh "$R" "$1" </dev/null 2>/dev/null
}

# A user's table goes through crontab(1): right place, owner, label, and its daemon
# is told. It refuses a table in which any line is bad; then it is written past it.
do_crontab() {
	if [ "$AX" = 0 ]; then
		parent "$R"
		rm -f -- "$R" && touch -- "$DIR" && fsync "$DIR"
		return
	fi
	table_in "$D/new/$1" "$AU:$AG" "$AM"
}

table_in() {
	bare <"$1" >"$D/table" || return 1
	if [ "$AX" = 1 ] && command -v crontab >/dev/null && crontab -u "$US" "$D/table" >/dev/null 2>&1 </dev/null; then
		rm -f -- "$D/table"
		parent "$R"
		# it renames, and leaves it to the kernel when that is on the disk
		[ "$(bare <"$R" | sha256sum)" = "$(bare <"$1" | sha256sum)" ] && fsync "$R" "$DIR" && return 0
	fi
	parent "$R"
	parent "$DIR"
	_t=$DIR/.postern-$ID-table
	parent "$R"
	rm -f -- "$_t" "$D/table"
	if [ -e "$R" ]; then cp -a -- "$R" "$_t" || return 1; fi
	cat "$1" >"$_t" && chown "$2" -- "$_t" && chmod "$3" -- "$_t" || { rm -f -- "$_t"; return 1; }
	fsync "$_t"
	mv -f -- "$_t" "$R" && touch -- "$DIR" && fsync "$DIR"
}

# As its user: whatever stands at that name by now, it is within his rights.
do_keys() {
	if [ "$AX" = 0 ]; then
		as "$US" /bin/sh -c 'rm -f -- "$1"' sh "$R" </dev/null 2>/dev/null
		return
	fi
	keys_in "$D/new/$1" "$AM"
}

keys_in() {
	parent "$R"
	as "$US" /bin/sh -c '
		umask 077
		[ -d "$1" ] || mkdir -m 700 -- "$1" || exit 1
		cd -- "$1" || exit 1
		set -C
		cat >"$2" || exit 1
		chmod "$4" -- "$2" && { sync -- "$2" 2>/dev/null || sync; } && mv -f -- "$2" "$3" || { rm -f -- "$2"; exit 1; }
		sync -- . 2>/dev/null || sync' sh "$DIR" ".postern-$ID" "${R##*/}" "$2" <"$1" 2>/dev/null
}

# into_folder enters the folder of a file that somebody else may be renaming: from
# then on it is held by its inode, and the name has no other name in front.
into_folder() {
	parent "$R"
	cd -P -- "$DIR" 2>/dev/null || return 1
	_w=$(pwd -P && echo x)
	_w=${_w%x}
	[ "${_w%"$NL"}" = "$DIR" ]
}

# put_back FILE gives a file its name R back, in the folder that into_folder entered.
# -T: that name may lead to another folder by now, and root would put the file there.
# Without it only where nobody but root can make it so.
put_back() {
	mv -T -- "$1" "./${R##*/}" 2>/dev/null || { [ -e "$1" ] && no_link_race "$R" && mv -- "$1" "./${R##*/}"; }
}

do_move() {
	if [ -n "$RC" ]; then # back out of an earlier record
		_from=$ROOT/records/$RC
		[ ! -e "$R" ] && [ ! -L "$R" ] || return 1
		into_folder || return 1
		put_back "$_from" && fsync .
		return
	fi
	(
		into_folder || exit 1
		mv -- "./${R##*/}" "$D/moved/$1" || exit 1
		if [ -L "$D/moved/$1" ] || { [ -n "$BH" ] && [ "$(hash "$D/moved/$1")" != "$BH" ]; }; then
			# swapped under our hands: not what was planned
			put_back "$D/moved/$1"
			exit 1
		fi
		fsync . "$D/moved"
	)
}

host_key() {
	case ${1##*/} in
	ssh_host_rsa_key) _ty='-t rsa -b 3072' ;;
	ssh_host_ecdsa_key) _ty='-t ecdsa' ;;
	*) _ty='-t ed25519' ;;
	esac
	rm -f -- "$1.postern" "$1.postern.pub"
	ssh-keygen -q $_ty -N '' -C '' -f "$1.postern" </dev/null >/dev/null 2>&1 || return 1
	chmod 600 "$1.postern" && chmod 644 "$1.postern.pub"
	fsync "$1.postern" "$1.postern.pub"
	mv -f -- "$1.postern.pub" "$1.pub" && mv -f -- "$1.postern" "$1"
}

do_key() {
	# their hashes are known before their names are there: else a rollback would not
	# know them
	parent "$R"
	[ ! -e "$R.pub" ] && [ ! -L "$R.pub" ] || return 1
	case ${R##*/} in ssh_host_rsa_key) _ty='-t rsa -b 3072' ;; ssh_host_ecdsa_key) _ty='-t ecdsa' ;; *) _ty='-t ed25519' ;; esac
	rm -f -- "$D/made/key" "$D/made/key.pub" "$NEW" "$NEW.pub"
	ssh-keygen -q $_ty -N '' -C '' -f "$D/made/key" </dev/null >/dev/null 2>&1 || return 1
	hash "$D/made/key" >"$D/made/$1" && hash "$D/made/key.pub" >"$D/made/$1.pub" || return 1
	fsync "$D/made/$1" "$D/made/$1.pub" "$D/made"
	cat "$D/made/key.pub" >"$NEW.pub" && chown "$AU:$AG" -- "$NEW.pub" && chmod 644 "$NEW.pub" || return 1
	cat "$D/made/key" >"$NEW" && chown "$AU:$AG" -- "$NEW" && chmod "$AM" -- "$NEW" || return 1
	rm -f -- "$D/made/key" "$D/made/key.pub"
	fsync "$NEW" "$NEW.pub"
	mv -- "$NEW.pub" "$R.pub" && mv -- "$NEW" "$R" && fsync "$DIR"
}

# ---- reload and proof

cmd_reload() {
	. "$D/manifest"
	[ -e "$D/state/armed" ] || die state "0 the run is not armed"
	came_by
	find_daemon || die dead "0 sshd does not listen any more"
	sshd_says -t || die sshd "0 sshd refuses the installed files: $(printf '%s' "$E" | tr '\n' ' ' | tail -c 600)"
	_before=
	[ -z "$PID" ] || _before=$(owned "$PID" | cut -d' ' -f1)
	# before the signal: whoever takes the files back must know that they may be in force
	printf '%s\n' "$_before" 2>/dev/null >"$D/loaded" || die failed "0 $ROOT could not be written (a full disk?)"
	uptime_s
	fsync "$D/loaded" "$D"
	at loaded
	if [ "$(cat "$D/socket")" = 1 ]; then
		renew ''
		[ -d "/proc/${PID:-none}" ] && [ -n "$PID" ] && born "$PID" && printf '%s %s\n' "$PID" "$BORN" >"$D/stopped"
		say done reload
		return
	fi
	_old=$PID
	if [ "$RESTART" = 1 ]; then
		renew "$PID" || die dead "0 $SUNIT could not be started anew"
		find_daemon && [ "$PID" != "$_old" ] || PID=
	else
		# Its log tells the second in which it read its files, and not everybody may read
		# what has_read says.
		sleep 1
		kill -HUP "$PID" || die dead "0 sshd is gone"
	fi
	at hup
	_k=0
	while :; do
		[ "$RESTART" = 0 ] || [ -n "$PID" ] || { find_daemon && [ "$PID" != "$_old" ]; } || PID=
		_now=
		[ -z "$PID" ] || _now=$(owned "$PID" | cut -d' ' -f1)
		if [ -n "$_now" ] && [ "$_now" != "$_before" ]; then
			say done reload
			return
		fi
		[ "$RESTART" = 1 ] || [ -d "/proc/$PID" ] || die dead "0 sshd ended when it was to read its files again"
		_k=$((_k + 1))
		[ "$_k" -lt 100 ] || die dead "0 sshd did not open its listener anew within 10 seconds"
		sleep 0.1 2>/dev/null || sleep 1
	done
}

privsep_for_test() { [ -d /run/sshd ] || [ "$(cat "$D/socket" 2>/dev/null)" != 1 ] || privsep; }

# verify runs over the new login: the privilege path too has worked then.
cmd_verify() {
	. "$D/manifest"
	[ -e "$D/state/armed" ] || die state "0 the run is not armed"
	[ "$GUARDED" = 0 ] || lives "$D/guard" || say guard 0
	if [ "$RELOAD" = 1 ]; then
		# whoever confirms later may come to a run that was left before that
		[ -e "$D/loaded" ] || die proof "0 sshd was not told to read its files: what it runs with is the old, and the host takes the new files back"
		came_by
		find_daemon || die dead "0 sshd does not listen any more"
		if [ "$(cat "$D/socket")" != 1 ]; then
			_now=$(owned "$PID" | cut -d' ' -f1)
			[ -n "$_now" ] && [ "$_now" != "$(cat "$D/loaded")" ] || die proof "0 nothing shows that sshd read its files again"
		elif [ -s "$D/stopped" ]; then
			read -r _p _b <"$D/stopped"
			! { born "$_p" && [ "$BORN" = "$_b" ]; } || die proof "0 the old sshd still runs"
		fi
		[ "$RESTART" = 0 ] || started_with || die proof "0 sshd was not started with its new command line"
		[ -z "$PID" ] || has_read "$PID" "$D/loaded" 2>/dev/null
		ask
	fi
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		[ "$HOW" = keys ] || same_after "$_i" || die changed "$_i somebody changed it meanwhile"
	done
	say connection "${CONN-}"
	say done verify
}

cmd_confirm() {
	. "$D/manifest"
	[ "$ID" = "$WANT" ] || die state "0 another run holds the host"
	mv -- "$D/state/armed" "$D/state/confirmed" 2>/dev/null || [ -e "$D/state/confirmed" ] || die late "0 too late"
	fsync "$D/state"
	at confirmed
	say done confirm
}

# drop_temps takes away what lies beside the files.
drop_temps() {
	stamps
	_i=0
	while [ "$_i" -lt "$COUNT" ]; do
		_i=$((_i + 1))
		load "$_i"
		case $HOW in file | key) ;; *) continue ;; esac
		[ -e "$NEW" ] || [ -e "$NEW.pub" ] || [ -e "$OLD" ] || continue
		_was=$(standing "$T")
		rm -f -- "$NEW" "$NEW.pub" "$OLD"
		[ -z "$_was" ] || kept "$T" "$_was"
	done
	rm -rf -- "$D/stage" "$D/table"
}

# clean ends a run for good: its record stays, for undo and as evidence.
cmd_clean() {
	[ -d "$D" ] || { say done clean; return; }
	if [ ! -e "$D/state/confirmed" ] && [ ! -e "$D/state/rolledback" ]; then
		[ ! -e "$D/state/armed" ] && [ ! -e "$D/state/rolling" ] || die state "0 the run is not over"
		# nothing was changed yet
		settle
		unhook
		_t=$ROOT/.gone-$$
		mv -- "$D" "$_t" && fsync "$ROOT" && rm -rf -- "$_t"
		say done clean
		return
	fi
	. "$D/manifest"
	unhook
	at unhooked
	if [ -s "$D/guard" ] && lives "$D/guard"; then
		read -r _p _ <"$D/guard"
		[ "$_p" = "$$" ] || kill "$_p" 2>/dev/null
	fi
	drop_temps
	mkdir -p -- "$ROOT/records"
	settle
	mv -- "$D" "$ROOT/records/$ID" || die failed "0 the record could not be put away"
	fsync "$ROOT/records" "$ROOT"
	say done clean
}

# ---- taking back

cmd_rollback() {
	[ -r "$D/manifest" ] || { cmd_clean; return; }
	. "$D/manifest"
	if [ -e "$D/state/prepared" ] || [ -z "$(ls "$D/state")" ]; then
		cmd_clean
		return
	fi
	roll
	for _f in "$D"/left/*; do
		[ ! -e "$_f" ] || say left "${_f##*/}"
	done
	for _s in confirmed rolledback; do
		[ ! -e "$D/state/$_s" ] || say state "$_s"
	done
	say done rollback
}

roll() {
	if mv -- "$D/state/armed" "$D/state/rolling" 2>/dev/null; then
		myself >"$D/roller"
	else
		# somebody was quicker: wait for him, take over if he died
		_k=0
		while [ -e "$D/state/rolling" ] && lives "$D/roller" && [ "$_k" -lt 30 ]; do
			_k=$((_k + 1))
			sleep 1
		done
		[ -e "$D/state/rolling" ] || return 0
		myself >"$D/roller"
	fi
	fsync "$D/state"
	at rolling
	fence
	RESTORED=
	_i=$COUNT
	while [ "$_i" -gt 0 ]; do
		load "$_i"
		"undo_$HOW" "$_i" || { : >"$D/left/$_i"; }
		at "restored$_i"
		_i=$((_i - 1))
	done
	[ "$RELOAD" = 0 ] || again
	at read
	drop_temps
	mv -- "$D/state/rolling" "$D/state/rolledback" 2>/dev/null
	fsync "$D/state"
	unhook
}

# fence ends a step that is still writing: its laptop is gone, it may not be.
fence() {
	[ -s "$D/step" ] || return 0
	lives "$D/step" || return 0
	read -r _p _ <"$D/step"
	[ "$_p" != "$$" ] || return 0
	kill -9 "$_p" 2>/dev/null
	for _d in /proc/[0-9]*; do
		_s=$(cat "$_d/stat" 2>/dev/null) || continue
		_s=${_s##*) }
		set -- $_s
		[ "${2-}" != "$_p" ] || kill -9 "${_d#/proc/}" 2>/dev/null
	done
	sleep 1
}

# again brings the daemon to the files as they are now.
again() {
	came_by
	if [ -n "${AFTER_BOOT-}" ]; then
		[ -n "$RESTORED" ] || return 0
		# Before sshd (a unit, an init script): it will read the old files. After it
		# (cron): it has read ours, and may take a while until it listens.
		if [ -e "$CRONHOOK" ]; then
			uptime_s
			_end=$((UP + 600))
			until find_daemon; do
				uptime_s
				[ "$UP" -lt "$_end" ] || return 0
				sleep 1
			done
			# from its first listening to its handler a HUP would end it (sshd.c, main)
			sleep 1
		fi
		find_daemon && [ -n "$PID" ] || return 0
		sshd_says -t && kill -HUP "$PID" && back_up
		return
	fi
	if ! find_daemon || ! listening; then
		set -- $(daemons)
		if [ -z "$PID" ] && [ $# -gt 1 ] && [ -e "$D/loaded" ]; then
			: >"$D/left/sshd" # which of them read our files is not clear
			return
		fi
		start_daemon
		return
	fi
	# The daemon that never saw our files is left alone: others' edits are not ours to
	# load. It may have died meanwhile, and whoever started it gave it ours.
	[ -e "$D/loaded" ] || [ "$(daemon_state)" != "$(cat "$D/daemon" 2>/dev/null)" ] || return 0
	sshd_says -t || { : >"$D/left/sshd"; return; }
	_before=$(owned "$PID" | cut -d' ' -f1)
	: >"$D/again"
	_pid=$PID
	renew "$PID"
	back_up
	# proof as in the first reload
	[ "$(cat "$D/socket")" != 1 ] && [ -n "$_before" ] || return 0
	_now=$(owned "$_pid" | cut -d' ' -f1)
	[ -z "$_now" ] || [ "$_now" = "$_before" ] || has_read "$_pid" "$D/again" 2>/dev/null
}

# back_up waits until the daemon listens, and starts it where it does not.
back_up() {
	sleep 1 # until then the sockets may be the old ones
	_k=0
	while ! listening; do
		_k=$((_k + 1))
		if [ "$_k" -ge 5 ]; then
			start_daemon
			return
		fi
		sleep 1
	done
}

# undo_*: only what is still ours is taken back. Something else there: somebody
# changed it meanwhile, and it is left and named.
undo_file() {
	[ ! -e "$R" ] || [ -L "$R" ] || [ -f "$R" ] || return 1
	if [ -n "$BL" ]; then
		! is_link "$R" "$BL" || return 0
	elif [ -n "$AL" ]; then
		if is_link "$R" "$AL"; then restore_file "$1"; else [ "$(hash "$R")" = "$BH" ]; fi
		return
	fi
	if [ "$AX" = 1 ]; then
		if [ ! -e "$R" ]; then
			[ "$BX" = 0 ]
			return
		fi
		_h=$(hash "$R")
		[ "$_h" != "$BH" ] || [ "$BX" = 0 ] || [ -n "$BL" ] || return 0
		[ "$_h" = "$AH" ] && [ ! -L "$R" ] || return 1
	else
		[ ! -e "$R" ] && [ ! -L "$R" ] || { [ "$(hash "$R")" = "$BH" ]; return; }
	fi
	restore_file "$1"
}

restore_file() {
	RESTORED=1
	parent "$R"
	if [ "$BX" = 0 ]; then
		rm -f -- "$R" || return 1
	elif [ -n "$BL" ]; then
		is_link "$OLD" "$BL" || { rm -f -- "$OLD" && cp -a -- "$D/old/$1" "$OLD" && is_link "$OLD" "$BL"; } || return 1
		[ "$BI" = 0 ] || printf '%s %s\n' "$(stat -c %i -- "$OLD")" "$BI" >>"$D/restored"
		mv -f -- "$OLD" "$R" || return 1
	else
		# the copy beside needs no room on a full disk
		if [ ! -f "$OLD" ] || [ "$(hash "$OLD")" != "$BH" ]; then
			cp -a -- "$D/old/$1" "$OLD" && [ "$(hash "$OLD")" = "$BH" ] || return 1
			fsync "$OLD"
		fi
		[ "$BI" = 0 ] || printf '%s %s\n' "$(stat -c %i -- "$OLD")" "$BI" >>"$D/restored"
		mv -f -- "$OLD" "$R" || return 1
	fi
	fsync "$DIR"
}

# account_ended: the line says that its password is locked and its time is over.
account_ended() { case $(shadow_line) in *:'!'*:*:*:*:*:*:1:*) return 0 ;; esac; return 1; }

account_done() {
	if [ -n "$RC" ]; then
		[ "$(shadow_line)" = "$(cat "$ROOT/records/$RC")" ]
	else
		account_ended
	fi
}

# Both the password and the date: a locked password leaves keys open.
do_account() {
	if [ -n "$RC" ]; then
		account_ended || return 1
		account_back "$ROOT/records/$RC"
	else
		usermod -L -e 1 "$US" </dev/null >/dev/null 2>&1
	fi && account_done && fsync /etc/shadow /etc
}

# account_back gives back the password's state and the date that a line has.
account_back() {
	_pw=$(cut -d: -f2 <"$1")
	_end=$(cut -d: -f8 <"$1")
	case $_pw in
	'!'*) ;;
	'') passwd -d "$US" </dev/null >/dev/null 2>&1 || return 1 ;;
	*) usermod -U "$US" </dev/null >/dev/null 2>&1 || return 1 ;;
	esac
	chage -E "${_end:--1}" "$US" </dev/null >/dev/null 2>&1
}

undo_account() {
	_line=$(shadow_line)
	[ "$_line" != "$(cat "$D/old/$1")" ] || return 0
	if [ -n "$RC" ]; then
		[ "$_line" = "$(cat "$ROOT/records/$RC")" ] || return 1
		usermod -L -e 1 "$US" </dev/null >/dev/null 2>&1 || return 1
	else
		# one half done is ours too
		case $_line in *:'!'*:*:*:*:*:*:*) ;; *) return 1 ;; esac
		account_back "$D/old/$1" || return 1
	fi
	fsync /etc/shadow /etc
}

undo_mode() {
	[ ! -L "$R" ] && [ -e "$R" ] || return 1
	_s=$(stat -c '%u %g %a' -- "$R")
	[ "$_s" != "$BU $BG $BM" ] || return 0
	# owner done, mode not yet: both halves are ours
	case $_s in "$AU $AG $AM" | "$AU $AG $BM") ;; *) case $_s in "$AU $AG "*) ;; *) return 1 ;; esac ;; esac
	chown "$BU:$BG" -- "$R" && chmod "$BM" -- "$R" && fsync "$R" && tell_cron
}

undo_modeas() {
	case $(looks) in
	"$BU $BG $BM" | "$BU $BG $BM$NL"*) ;;
	"$AU $AG $AM" | "$AU $AG $AM$NL"*) chmod_as "$BM" ;;
	*) return 1 ;;
	esac
}

undo_crontab() {
	if [ "$BX" = 0 ]; then
		[ -e "$R" ] || return 0
		[ "$(bare <"$R" | sha256sum)" = "$(bare <"$D/new/$1" | sha256sum)" ] || return 1
		parent "$R"
		rm -f -- "$R" && touch -- "$DIR" && fsync "$DIR"
		return
	fi
	if [ -e "$R" ]; then
		_now=$(bare <"$R" | sha256sum)
		[ "$_now" != "$(bare <"$D/old/$1" | sha256sum)" ] || return 0
		[ "$_now" = "$(bare <"$D/new/$1" | sha256sum)" ] || return 1
	fi
	AX=1
	table_in "$D/old/$1" "$BU:$BG" "$BM"
}

undo_keys() {
	_got=$(as "$US" /bin/sh -c '
		if [ -e "$1" ] || [ -L "$1" ]; then [ -f "$1" ] && [ ! -L "$1" ] && sha256sum <"$1" | cut -c1-64; else echo none; fi' sh "$R" </dev/null 2>/dev/null)
	case $BX,$_got in 1,"$BH" | 0,none) return 0 ;; esac
	case $AX,$_got in 1,"$AH" | 0,none) ;; *) return 1 ;; esac
	if [ "$BX" = 1 ]; then
		keys_in "$D/old/$1" "$BM"
	else
		as "$US" /bin/sh -c 'rm -f -- "$1"' sh "$R" </dev/null 2>/dev/null
	fi
}

undo_move() {
	if [ -n "$RC" ]; then
		_to=$ROOT/records/$RC
		[ -e "$R" ] && [ ! -e "$_to" ] || return 0
		(into_folder && mv -- "./${R##*/}" "$_to" && fsync .)
		return
	fi
	[ -e "$D/moved/$1" ] || [ -L "$D/moved/$1" ] || return 0
	(
		into_folder || exit 1
		[ ! -e "./${R##*/}" ] && [ ! -L "./${R##*/}" ] || exit 1
		put_back "$D/moved/$1" && fsync .
	)
}

# The two halves one by one: the host may have died between them.
undo_key() {
	[ -s "$D/made/$1" ] || return 0
	for _h in "$R" "$R.pub"; do
		_sum=$D/made/$1
		[ "$_h" = "$R" ] || _sum=$_sum.pub
		[ -e "$_h" ] || [ -L "$_h" ] || continue
		[ "$(hash "$_h")" = "$(cat "$_sum" 2>/dev/null)" ] || return 1
		[ "$_h" != "$R" ] || RESTORED=1
		rm -f -- "$_h" || return 1
	done
	parent "$R"
	fsync "$DIR"
}

# cmd_record prints the plan of an earlier run, for undo.
cmd_record() {
	_f=$ROOT/records/$WANT/plan.json
	[ -r "$_f" ] || die state "0 there is no record of that run"
	say begin plan
	cat "$_f"
	printf '\n'
	say end plan
	for _s in confirmed rolledback; do
		[ ! -e "$ROOT/records/$WANT/state/$_s" ] || say state "$_s"
	done
	say done record
}

main() {
	OURS= RESTORED= AFTER_BOOT=
	case $1 in guard | boot | staged) FAIL= ;; esac # they have the host's environment
	case $1 in
	status | policy | prepare | stage | staged | arm | guard | boot | install | reload | verify | confirm | clean | rollback | record) "cmd_$1" ;;
	*) exit 2 ;;
	esac
}
main "$@"
# end of postern's program
