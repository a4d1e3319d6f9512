# postern collector, version 1.
#
# Reads what an audit of sshd and cron needs and prints it as frames (frame.go
# tells their form). It runs under dash, bash and busybox ash, with the tools of
# coreutils or of busybox. It writes nothing: no file, no temporary file, no
# here-document; every child has </dev/null or a pipe. N (the nonce that marks
# frames), TOKENS (one for each batch of stat) and the caps stand before it. The
# nonce never becomes an argument of a command: arguments can be seen by others.
set -f
umask 077
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
QUOTING_STYLE=literal
export LC_ALL PATH QUOTING_STYLE
unset CDPATH ENV BASH_ENV POSIXLY_CORRECT TZ GREP_OPTIONS LD_PRELOAD LD_LIBRARY_PATH SYSTEMD_PAGER
PRIV=$1 CONN=$2 REFUSED=$3
NL='
'
TAB='	'
FIRST=4096   # bytes of a job's target that are read
MAXNAMES=4000 # names in one batch: their list must fit into one command's arguments

# A published test key: it protects nothing. sshd -T wants to load a host key,
# and a plain account may not read the real ones.
TESTKEY='-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCF+9jeveqd6ny8yhB+Fw7JR8zuSPLFd6gsL+yaX3YYdgAAALCZanxBmWp8
QQAAAAtzc2gtZWQyNTUxOQAAACCF+9jeveqd6ny8yhB+Fw7JR8zuSPLFd6gsL+yaX3YYdg
AAAEBbODKLWBz9QUj2PSiC/rGL7tYCXvXCWeZojXr9WxSCWYX72N696p3qfLzKEH4XDslH
zO5I8sV3qCwv7Jpfdhh2AAAALHBvc3Rlcm4gcHVibGlzaGVkIHRlc3Qga2V5OiBwcm90ZW
N0cyBub3RoaW5nAQ==
-----END OPENSSH PRIVATE KEY-----'

# ---- frames

mark() { printf '\n%s %s\n' "$N" "$1"; }
gap() { printf '\n%s g %s\n%s\0%s' "$N" "$1" "$2" "$3"; } # kind path reason
have() { command -v "$1" >/dev/null 2>&1; }

# late: the time is over; what is left is named by its caller.
late() {
  read -r NOW _ </proc/uptime || return 1
  [ "${NOW%%.*}" -ge "$DEADLINE" ]
}

# out NAME COMMAND...: its output, exit code and the end of its stderr.
# "out NAME/reverse" has the newest line first.
out() {
  case $1 in */reverse) O="${1%/*} reverse";; *) O=$1;; esac
  shift
  mark a
  printf '%s\0' "$@"
  mark "o $O"
  { X=$({ limit "$@" 2>&1 >&3 3>&- </dev/null; R=$?; printf '\n%s' "$R"; } | tail -c "$ERRCAP"); } 3>&1
  mark "x ${X##*"$NL"}"
  printf '%s' "${X%"$NL"*}"
}
# limit COMMAND...: for at most ten seconds, where timeout is there.
limit() { if [ -n "$TIMEOUT" ]; then timeout 10 "$@"; else "$@"; fi; }

# ---- names

# net PATH: it lies on a network or autofs mount (the longest mount point that
# holds it decides). Without such mounts it costs nothing.
net() {
  [ -n "$NETS" ] || return 1
  NB= NK=local NETIFS=$IFS IFS=$NL
  for M in $NETS; do
    K=${M%% *} M=${M#* }
    case $1/ in
      "$M"/*) [ "${#M}" -gt "${#NB}" ] && NB=$M NK=$K;;
    esac
  done
  IFS=$NETIFS
  [ "$NK" = net ]
}

# entered PATH: it may be looked at; links on its way are followed one by one, so
# that no link leads onto a network mount unseen. Else it is named.
entered() {
  [ -n "$NETS" ] || return 0
  EP= ER=$1 EH=0
  while [ -n "$ER" ]; do
    ER=${ER#/} EC=${ER%%/*}
    case $ER in */*) ER=/${ER#*/};; *) ER=;; esac
    [ -n "$EC" ] || continue
    EP=$EP/$EC
    if net "$EP"; then
      net "$EP$ER" || continue # a local mount lies below, and that is where it goes
      gap network "$1" "it lies on a network or autofs mount: $NB"
      return 1
    fi
    if [ -L "$EP" ]; then
      EH=$((EH + 1))
      [ $EH -le 40 ] || return 0
      EL=$(readlink -- "$EP"; echo .)
      EL=${EL%"$NL".}
      case $EL in /*) EP=;; *) EP=${EP%/*};; esac
      ER=/$EL$ER
    elif [ "$EC" = .. ]; then EP=${EP%/..}; EP=${EP%/*}
    fi
  done
  return 0
}

# blind PATH: it does not exist as far as we can see; say so if that may be for
# want of rights. A PATH that ends in * asks for the names in a directory.
blind() {
  case $1 in /*) ;; *) return 1;; esac
  BD=${1%/*}
  while [ -n "$BD" ] && [ ! -d "$BD" ]; do BD=${BD%/*}; done
  [ -n "$BD" ] || return 1
  if [ ! -x "$BD" ]; then gap denied "$BD" "no permission to search it"; return 0; fi
  case $1 in
    "$BD"/*[*]*) [ -r "$BD" ] || { gap denied "$BD" "no permission to list it"; return 0; };;
  esac
  return 1
}

# token: takes the next one into TOK.
token() {
  TOK=${TOKENS%% *} TOKENS=${TOKENS#* }
  [ -n "$TOK" ] && return 0
  gap cap / "more batches of names than the bound"
  return 1
}

# look HOW NAMES...: metadata of all names that exist, and of the final path of
# links. HOW: meta, or read (contents too, with our rights), or as:UID:GID:DIR
# (with theirs; DIR is what they may change). Positions of names are kept as words like "${12}": so they may hold
# any byte.
look() {
  HOW=$1
  shift
  I=0 ALL= LINKS= FILES= ALONE= COUNT=0 OVER=
  for P do
    I=$((I + 1))
    entered "$P" || continue
    if [ ! -e "$P" ] && [ ! -L "$P" ]; then blind "$P"; continue; fi
    case $P in */. | */..) continue;; esac
    COUNT=$((COUNT + 1))
    if [ $COUNT -gt $MAXNAMES ]; then # what is left is named, directory by directory
      [ "${P%/*}/" = "$OVER" ] || { OVER=${P%/*}/; gap cap "${P%/*}" "more than $MAXNAMES names in one batch"; }
      continue
    fi
    ALL="$ALL \"\${$I}\""
    if [ -L "$P" ]; then
      [ -e "$P" ] && LINKS="$LINKS \"\${$I}\""
    fi
    [ "$HOW" = meta ] && continue
    case $P in
      /etc/shadow* | /etc/gshadow* | */ssh_host_*_key) gap withheld "$P" "never read"; continue;;
    esac
    if [ -f "$P" ]; then
      if [ -L "$P" ]; then continue; fi # read by its final path, below
      # What users hand in is read one by one: nothing comes behind it that its
      # content could be taken for.
      if [ ! -r "$P" ]; then gap denied "$P" "no permission to read it"; continue; fi
      case $P in /var/spool/*) ALONE="$ALONE \"\${$I}\"";; *) FILES="$FILES \"\${$I}\"";; esac
    elif [ -e "$P" ] && [ ! -d "$P" ] && [ ! -L "$P" ]; then gap unsafe "$P" "neither a file nor a directory: not opened"
    fi
  done
  [ -n "$ALL" ] || return 0
  token || return 0
  mark "s $TOK"
  eval "limit stat -c \"\$TOK \$STAT\" -- $ALL </dev/null 2>/dev/null"
  [ -n "$STATN" ] || eval "texts $ALL"
  [ -z "$FILES" ] || eval "contents \"\$CAP\" \"\$HOW\" $FILES"
  [ -z "$ALONE" ] || eval "alone $ALONE"
  [ -z "$LINKS" ] || eval "finals \"\$HOW\" $LINKS"
}

# texts NAMES...: of each link its text, where stat does not print it.
texts() {
  for P do
    [ -L "$P" ] || continue
    mark l
    printf '%s\0' "$P"
    TX=$(readlink -- "$P" </dev/null; echo .)
    printf '%s' "${TX%"$NL".}"
  done
}

alone() {
  for Q do
    if late; then gap cap "$Q" "the time was over before it was read"; else contents "$CAP" "$HOW" "$Q"; fi
  done
}

# contents CAP HOW NAMES...: of regular files.
contents() {
  MCAP=$1 MHOW=$2
  shift 2
  case $MHOW in
    as:*) MU=${MHOW#as:} MG=${MU#*:} MU=${MU%%:*} ROOM=${MG#*:} MG=${MG%%:*};;
    *) MU=0 MG=0;;
  esac
  [ "$UID0" = yes ] || MU=0
  if [ "$MU" != 0 ]; then
    case $SLOW in
      *" $MU "*) for P do gap cap "$P" "an earlier file of uid $MU took all of its time"; done; return;;
    esac
    [ -n "$SWITCH" ] || { stays "$@"; return; }
  fi
  mark n
  printf '%s\0' "$@"
  mark "m $MCAP $MU$PART"
  if [ "$MU" = 0 ]; then limit head -c $((MCAP + 1)) -v -- "$@" </dev/null 2>/dev/null
  else
    $SWITCH "$MU" "$MG" head -c $((MCAP + 1)) -v -- "$@" </dev/null 2>/dev/null
    slow $?
  fi
}
# slow RC: timeout's word that a file of $MU had no end, or none that opened it.
slow() { case $1 in 124 | 137 | 143) SLOW="$SLOW$MU ";; esac; }

# stays NAMES...: contents of files below a directory that their user can write,
# where no tool is there to take on that user's rights: only what is a regular
# file with one name, whose real path stays in $ROOM, and which that user could
# read. The file that was opened says so itself, by /proc/self/fd: its owner may
# change names as often as he likes. With STAY=heads their beginning goes to heads'
# awk, else they are frames.
stays() {
  SM=$MU SR=$(cd -P -- "$ROOM" 2>/dev/null && pwd -P; echo .)
  SR=${SR%"$NL".}
  for P do
    SF=$(readlink -f -- "$P" </dev/null; echo .)
    SF=${SF%"$NL".}
    S1=$(limit stat -L -c '%d %i %u %h %f' -- "$P" </dev/null 2>/dev/null)
    case $SF in
      "${SR:-/dev/null}"/*) ;;
      *) gap unsafe "$P" "its real path leaves ${SR:-its home}"; continue;;
    esac
    case $S1 in
      *" 1 8"???) ;;
      *) gap unsafe "$P" "not a regular file with one name"; continue;;
    esac
    case $S1 in
      *" $SM 1 "* | *[4567cdef]) ;;
      *) gap denied "$P" "it could not be read, with the rights of uid $SM"; continue;;
    esac
    SC=$(limit sh -c 'exec <"$1" && stat -L -c "%d %i %u %h %f" /proc/self/fd/0 && readlink /proc/self/fd/0 && exec head -c "$2"' sh "$P" $((MCAP + 1)) </dev/null 2>/dev/null; echo ".$?")
    slow "${SC##*.}"
    case $SC in
      "$S1$NL$SF$NL"*) SC=${SC#"$S1$NL$SF$NL"};;
      *) if [ -e /proc/self/fd/0 ]; then gap changed "$P" "another file while it was read"
        else gap unsafe "$P" "which file that is cannot be told: there is no /proc"
        fi
        continue;;
    esac
    if [ "$STAY" = heads ]; then beginnings "$P" "${SC%.*}"; continue; fi
    mark "v $MCAP$PART"
    printf '%s\0%s' "$P" "${SC%.*}"
  done
}

# finals HOW LINKS...: where each link ends, its metadata, and its content. A link
# of root's may lead through a directory that a user can write: that one's rights
# are taken then.
finals() {
  if [ "$1 $UID0" != 'read yes' ]; then follow "$@"; return; fi
  shift
  FI=0 FSAFE= FOTHER=
  for P do
    FI=$((FI + 1))
    rights "$P"
    if [ "$RU" = 0 ]; then FSAFE="$FSAFE \"\${$FI}\""
    else FOTHER="$FOTHER \"as:$RU:$RG:\${FROOM$FI}\" \"\${$FI}\""; eval "FROOM$FI=\$RD"
    fi
  done
  [ -z "$FOTHER" ] || eval "pairs follow $FOTHER"
  [ -z "$FSAFE" ] || eval "follow read $FSAFE"
}
follow() {
  FHOW=$1
  shift
  if [ -n "$READLINKS" ] && FR=$(readlink -f -- "$@" </dev/null 2>/dev/null); then
    # All of them were followed: as many lines as links are no newline in any.
    FN=0 IFSO=$IFS IFS=$NL
    for P in $FR; do FN=$((FN + 1)); done
    IFS=$IFSO
    if [ $FN -eq $# ]; then
      mark r
      FT=$FR$NL
      for P do printf '%s\0%s\0' "$P" "${FT%%"$NL"*}"; FT=${FT#*"$NL"}; done
      once
      return
    fi
  fi
  FR=
  for P do
    R=$(readlink -f -- "$P" </dev/null; echo .)
    R=${R%"$NL".}
    case $R in /*) ;; *) continue;; esac
    mark r
    printf '%s\0%s\0' "$P" "$R"
    case $R in *"$NL"*) gap error "$P" "its final path holds a newline";; *) FR=$FR$R$NL;; esac
  done
  once
}
# once: looks at each of the lines of $FR that was not looked at so before.
once() {
  IFSO=$IFS IFS=$NL
  set --
  for P in $FR; do
    case $P in
      /dev/null) continue;; # a masked unit
      /proc/* | /sys/* | /dev/*) [ "$FHOW" = meta ] || { kernels "$P"; continue; };;
    esac
    case $FINALS in *"$NL$FHOW $P$NL"*) ;; *) FINALS=$FINALS$FHOW' '$P$NL; set -- "$@" "$P";; esac
  done
  IFS=$IFSO
  [ $# -eq 0 ] || targets "$FHOW" "$@"
}

# road PATH: the directories on the way to it, as they really are, into RDIRS
# (lines), with those on the way of each link that is followed; its end into REND.
road() {
  RDIRS=/$NL RP= RR=$1 RH=0 REND=
  while [ -n "$RR" ]; do
    RR=${RR#/} RC=${RR%%/*}
    case $RR in */*) RR=/${RR#*/};; *) RR=;; esac
    case $RC in
      '' | .) continue;;
      ..) RP=${RP%/*}; continue;;
    esac
    RP=$RP/$RC
    if [ -L "$RP" ]; then
      RH=$((RH + 1))
      [ $RH -le 40 ] || return 1
      [ "$RP" = "$RLINK" ] || { RLINK=$RP RTEXT=$(readlink -- "$RP" </dev/null; echo .) RTEXT=${RTEXT%"$NL".}; }
      case $RTEXT in /*) RP=;; *) RP=${RP%/*};; esac
      RR=/$RTEXT$RR
    elif [ -n "$RR" ]; then RDIRS=$RDIRS$RP$NL
    fi
    case $RP in *"$NL"*) return 1;; esac
  done
  REND=${RP:-/}
}

# rights PATH: whose rights to read PATH with: RU and RG, 0 where only root can
# change a directory on its way, and RD, the first that another can change.
# Directories known to be root's are kept in SAFE.
rights() {
  RU=0 RG=0 RD=
  [ "$UID0" = yes ] || return 0
  road "$1" || { RU=65534 RG=65534; return 0; }
  RL=
  IFSO=$IFS IFS=$NL
  for RD in $RDIRS; do
    case $SAFE in *"$NL$RD$NL"*) ;; *) RL=$RL$RD$NL;; esac
  done
  RS=
  [ -z "$RL" ] || RS=$(limit stat -c '%u %a' -- $RL </dev/null 2>/dev/null)
  IFS=$IFSO
  while [ -n "$RL" ]; do
    RD=${RL%%"$NL"*} RL=${RL#*"$NL"} RC=${RS%%"$NL"*}
    case $RS in *"$NL"*) RS=${RS#*"$NL"};; *) RS=;; esac
    case $RC in
      "0 "*[2367] | "0 "*[2367]?) RU=$(limit stat -L -c %u -- "$1" </dev/null 2>/dev/null); [ "${RU:-0}" != 0 ] || RU=65534; break;;
      "0 "*) SAFE=$SAFE$RD$NL;;
      '') RU=65534; break;;
      *) RU=${RC%% *}; break;;
    esac
  done
  [ "$RU" != 0 ] || return 0
  RG=65534
  case $IDS in *"$NL$RU:"*) RG=${IDS#*"$NL$RU:"} RG=${RG%%"$NL"*};; esac
}

# kernels PATH: what the kernel makes up is not read: it may have no end, or be
# gone for others once it was read.
kernels() { gap unsafe "$1" "a file of the kernel: not opened"; }

# targets HOW NAMES...: like look, but HOW=read reads each with the rights that
# its path asks for.
targets() {
  THOW=$1
  shift
  if [ "$THOW" != read ]; then look "$THOW" "$@"; return; fi
  TI=0 TN=0 TSAFE= TOTHER=
  for P do
    TI=$((TI + 1))
    entered "$P" || continue
    rights "$P"
    [ "$UID0" = yes ] || road "$P"
    case $REND in /proc/* | /sys/* | /dev/*) kernels "$P"; continue;; esac
    if [ "$RU" = 0 ]; then TSAFE="$TSAFE \"\${$TI}\"" TN=$((TN + 1))
    else TOTHER="$TOTHER \"as:$RU:$RG:\${ROOM$TI}\" \"\${$TI}\""; eval "ROOM$TI=\$RD"
    fi
  done
  eval "parted $TN $TSAFE $TOTHER"
}
# parted N SAFE... { HOW NAME }...: N names, then the pairs. They are arguments,
# since following a link comes back to here.
parted() {
  PN=1 PMINE=
  while [ $PN -le "$1" ]; do PN=$((PN + 1)); PMINE="$PMINE \"\${$PN}\""; done
  [ "$1" = 0 ] || eval "look read $PMINE"
  shift $(($1 + 1))
  [ $# -eq 0 ] || pairs look "$@"
}
# pairs COMMAND { HOW NAME }...: COMMAND HOW NAMES, once for each HOW.
pairs() {
  PCALL=$1
  shift
  while [ $# -gt 1 ]; do
    PHOW=$1 PI=1 PMINE= PREST=
    while [ $PI -lt $# ]; do
      eval "PX=\${$PI}"
      if [ "$PX" = "$PHOW" ]; then PMINE="$PMINE \"\${$((PI + 1))}\""
      else PREST="$PREST \"\${$PI}\" \"\${$((PI + 1))}\""
      fi
      PI=$((PI + 2))
    done
    if late; then eval "leave $PMINE"; else eval "$PCALL \"\$PHOW\" $PMINE"; fi
    eval "set -- $PREST"
  done
}
leave() { for P do gap cap "$P" "the time was over before it was looked at"; done; }

# above PATHS...: adds the directories above each to UP and NEW, once.
above() {
  for P do
    AD=${P%/*}
    while [ -n "$AD" ]; do
      case $UP in *"$NL$AD$NL"*) break;; esac
      UP=$UP$AD$NL NEW=$NEW$AD$NL
      AD=${AD%/*}
    done
  done
}
# looks HOW: look at the lines of $LIST.
looks() {
  [ -n "$LIST" ] || return 0
  LHOW=$1 LN=0
  IFSO=$IFS IFS=$NL
  set -- $LIST
  IFS=$IFSO LIST=
  while [ $# -gt $MAXNAMES ]; do
    if late; then gap cap / "the time was over before all names were looked at"; return; fi
    batch "$@"
    shift $MAXNAMES
  done
  batch "$@"
}
batch() {
  BI=0 BL=
  while [ $BI -lt $MAXNAMES ] && [ $BI -lt $# ]; do BI=$((BI + 1)); BL="$BL \"\${$BI}\""; done
  eval "look \"\$LHOW\" $BL"
}

# names DIR LIMIT: metadata of what is in it.
names() {
  entered "$1" || return 0
  [ -d "$1" ] || { blind "$1/*"; return 0; }
  case $(limit stat -L -c %s -- "$1" </dev/null 2>/dev/null) in
    ???????*) gap cap "$1" "too many names to list"; return 0;;
  esac
  MAXNAMES=$2
  set +f
  set -- meta "$1" "$1"/* "$1"/.[!.]* "$1"/..?*
  set -f
  look "$@"
  MAXNAMES=4000
}

# ---- what is always looked at. root.go reads these lists too: one pattern a word.

# Of the system's service manager and of every account's (systemd.unit(5)).
UNITDIRS='/etc/systemd/system /run/systemd/system /run/systemd/transient /run/systemd/generator /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system'
USERDIRS='/etc/xdg/systemd/user /etc/systemd/user /run/systemd/user /usr/local/share/systemd/user /usr/share/systemd/user /usr/local/lib/systemd/user /usr/lib/systemd/user'
READ='
/etc/nsswitch.conf /etc/os-release /usr/lib/os-release /etc/hostname
/etc/ssh/sshd_config /usr/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf /usr/etc/ssh/sshd_config.d/*.conf
/etc/ssh/ssh_host_*_key.pub /etc/ssh/sshrc
/etc/crypto-policies/back-ends/opensshserver.config /etc/crypto-policies/config /etc/crypto-policies/state/current /etc/crypto-policies/state/CURRENT.pol /etc/crypto-policies/policies/modules/POSTERN.pmod
/etc/default/ssh /etc/default/cron /etc/default/dropbear /etc/sysconfig/sshd /etc/sysconfig/crond /etc/conf.d/sshd /etc/conf.d/dropbear
/etc/nologin /run/nologin /var/run/nologin /etc/hosts.allow /etc/hosts.deny /var/lib/postern-fix/records/.given-back
/etc/security/access.conf /etc/security/access.d/*.conf /etc/security/sepermit.conf /etc/security/time.conf /etc/shells
/etc/pam.conf /etc/pam.d/sshd /etc/pam.d/other /etc/pam.d/common-* /etc/pam.d/system-* /etc/pam.d/password-* /etc/pam.d/postlogin* /etc/pam.d/remote /etc/pam.d/login /etc/pam.d/base-* /etc/pam.d/cron /etc/pam.d/crond /etc/pam.d/atd
/usr/lib/pam.d/sshd /usr/lib/pam.d/other /usr/lib/pam.d/common-* /usr/lib/pam.d/system-* /usr/lib/pam.d/password-* /usr/lib/pam.d/postlogin* /usr/lib/pam.d/remote /usr/lib/pam.d/cron /usr/lib/pam.d/crond
/etc/crontab /etc/cron.d/* /etc/cron.d/.[!.]* /etc/cron.d/..?*
/var/spool/cron/crontabs/* /var/spool/cron/crontabs/.[!.]* /var/spool/cron/crontabs/..?* /var/spool/cron/tabs/* /var/spool/cron/tabs/.[!.]* /var/spool/cron/* /var/spool/cron/.[!.]* /etc/crontabs/*
/etc/cron.hourly/* /etc/cron.hourly/.[!.]* /etc/cron.daily/* /etc/cron.daily/.[!.]* /etc/cron.weekly/* /etc/cron.weekly/.[!.]* /etc/cron.monthly/* /etc/cron.monthly/.[!.]* /etc/periodic/*/*
/etc/anacrontab /var/spool/anacron/*
/etc/cron.allow /etc/cron.deny /etc/at.allow /etc/at.deny
/etc/incron.d/* /etc/ld.so.preload
'
# What users can make as many of as they like: a batch of its own.
JOBFILES='/var/spool/cron/atjobs/* /var/spool/at/* /var/spool/atjobs/*'
META='
/ /etc /etc/ssh /etc/ssh/sshd_config.d /etc/ssh/ssh_host_*_key /usr/etc/ssh /etc/ssh/moduli /etc/passwd /etc/group /etc/shadow /etc/pam.d /etc/shosts.equiv /etc/hosts.equiv /etc/dropbear /etc/dropbear/* /etc/sssd /etc/sssd/sssd.conf /etc/sssd/conf.d /etc/sssd/conf.d/*.conf
/etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly /etc/cron.yearly /etc/periodic /etc/crontabs /var /var/spool /var/spool/cron /var/spool/cron/crontabs /var/spool/cron/tabs /var/spool/cron/atjobs /var/spool/at /var/spool/anacron
/var/spool/cron/atspool/* /var/spool/incron/* /var/spool/fcron/* /var/lib/systemd/linger /var/lib/systemd/linger/* /etc/systemd/system /etc/systemd/system/*.wants/*.timer /run/sshd /run/crond.reboot /run/cron.reboot /var/run/crond.reboot
/usr/sbin/sshd /usr/sbin/cron /usr/sbin/crond /usr/sbin/atd /usr/sbin/anacron /usr/sbin/dropbear /usr/bin/crontab /bin/busybox /etc/localtime
/etc/crypto-policies /etc/crypto-policies/back-ends /etc/crypto-policies/state /etc/crypto-policies/policies/modules /usr/bin/update-crypto-policies /run/ostree-booted
'
UNITS='ssh.service sshd.service ssh@.service sshd@.service ssh.socket sshd.socket sshd-unix-local.socket dropbear.service cron.service crond.service cronie.service anacron.service'
PKGS='openssh openssh-* dropbear dropbear-* cron cronie cronie-* crontabs systemd-cron anacron at dcron bcron fcron incron libpam-* libpam0g pam pam-* linux-pam sudo sudo-* busybox busybox-* liblzma5 xz-libs xz'
# Timers of accounts' own service managers and what they start: the folders below a
# home and below /run/user/UID, and what is read there.
HOMEUNITS='.config/systemd/user.control .config/systemd/user .local/share/systemd/user'
RUNUNITS='systemd/user.control systemd/transient systemd/user'
USERUNITS='*.timer *.timer.d/*.conf timer.d/*.conf *.service *.service.d/*.conf service.d/*.conf *.wants/*.timer'
# ---- end of the lists

static() {
  set +f
  set -- meta $META
  set -f
  look "$@"
  UL=
  for D in $UNITDIRS; do
    case $D in /lib/*) [ -L /lib ] && continue;; esac
    UL="$UL $D/*.timer $D/*.timer.d/*.conf $D/timer.d/*.conf $D/service.d/*.conf"
    case $D in /etc/* | */transient) UL="$UL $D/*.service";; esac
    case $D in /etc/* | /run/* | /usr/local/*) UL="$UL $D/*.service.d/*.conf";; esac
    for U in $UNITS; do UL="$UL $D/$U $D/$U.d/*.conf"; done
  done
  for D in $USERDIRS; do
    UL="$UL $D/*.timer $D/*.timer.d/*.conf $D/timer.d/*.conf $D/*.wants/*.timer $D/service.d/*.conf"
    case $D in /etc/* | /run/* | /usr/local/*) UL="$UL $D/*.service $D/*.service.d/*.conf";; esac
  done
  set +f
  set -- $READ $UL
  UL=$UNITS
  # The service that a timer starts, unless it names another.
  for P do
    case $P in
      *.timer)
        [ -f "$P" ] || continue
        U=${P##*/} U=${U%.timer}
        case " $UL " in *" $U.service "*) continue;; esac
        UL="$UL $U.service"
        for D in $UNITDIRS $USERDIRS; do
          case $D in /lib/*) [ -L /lib ] && continue;; esac
          [ -f "$D/$U.service" ] && set -- "$@" "$D/$U.service"
          case $D in /etc/* | /run/* | /usr/local/*) ;; *) [ -d "$D/$U.service.d" ] && set -- "$@" "$D/$U.service.d"/*.conf;; esac
        done;;
    esac
  done
  set -f
  look read "$@"
  set +f
  set -- $JOBFILES
  set -f
  look read "$@"
  pamfiles
}

# pamfiles: the files that lines of PAM name for modules which go by a list.
pamfiles() {
  set +f
  set -- /etc/pam.d/sshd /etc/pam.d/other /etc/pam.d/common-* /etc/pam.d/system-* /etc/pam.d/password-* /etc/pam.d/postlogin* /etc/pam.d/remote /etc/pam.d/login /etc/pam.d/base-* /usr/lib/pam.d/sshd /usr/lib/pam.d/common-* /usr/lib/pam.d/system-* /usr/lib/pam.d/password-*
  set -f
  PI=0 PA=
  for P do
    PI=$((PI + 1))
    entered "$P" && [ -f "$P" ] && [ -r "$P" ] && PA="$PA \"\${$PI}\""
  done
  [ -n "$PA" ] || return 0
  W=$(eval "limit grep -ahE '^[^#]*pam_(listfile|sepermit|time|access|nologin)' -- $PA" </dev/null | head -c 65536)
  set --
  for P in $W; do
    case $P in
      *file=/dev/* | *file=/proc/* | *file=/sys/*) continue;;
      file=/* | conffile=/* | conf=/* | accessfile=/*) [ $# -lt 32 ] && set -- "$@" "${P#*=}";;
    esac
  done
  [ $# -eq 0 ] || targets read "$@"
}

# passwd and group without what may stand in their second field.
fields() {
  [ -r "$1" ] || { blind "$1" || [ ! -e "$1" ] || gap denied "$1" "no permission to read it"; return; }
  mark "v $CAP filtered"
  printf '%s\0' "$1"
  limit sed -E 's/^([^:]*):[^:]*[^:x*!][^:]*:/\1:x:/' <"$1" | head -c $((CAP + 1))
}

# ---- who and where

identity() {
  mark "o identity"
  read -r KERNEL </proc/sys/kernel/osrelease
  read -r HOST </proc/sys/kernel/hostname
  read -r MACHINE </etc/machine-id
  read -r BOOT </proc/sys/kernel/random/boot_id
  read -r COMM1 </proc/1/comm
  SH=$(readlink /proc/$$/exe </dev/null)
  printf '%s\n' "privilege=$PRIV" "uid=$UIDN" "login=$LOGIN" "kernel=$KERNEL" "hostname=$HOST" "machine-id=$MACHINE" \
    "boot-id=$BOOT" "clk_tck=$(getconf CLK_TCK </dev/null || echo 100)" "btime=$BTIME" "shell=$SH" "clock=$CLOCK" \
    "pid1=$COMM1" "systemd=$SYSTEMD" "stat=${STATN:-plain}" "switch=${SWITCH%% *}" "connection=$CONN"
  case $REFUSED in ?*) printf 'refused=%s\n' "${REFUSED%%"$NL"*}";; esac
  mark "x 0"
}

mounts() {
  NETS= MT= MW=
  while read -r _ M T _; do
    case $T in
      nfs | nfs4 | cifs | smb3 | smbfs | ncpfs | afs | ceph | glusterfs | lustre | 9p | davfs | gpfs | beegfs | orangefs | coda | pvfs2 | fuse | fuse.* | autofs) K=net;;
      *) K=local;;
    esac
    case $M in / | /proc | /proc/* | /sys | /sys/*) continue;; esac
    case $M in *'\'*) M=$(printf '%b.' "$M") M=${M%.};; esac
    case $M in *"$NL"*) continue;; esac
    if [ $K = net ]; then
      NETS=$NETS"net $M$NL" MT=$MT"$T $M$NL"
      gap network "$M" "a $T mount: not entered"
    else MW=$MW"local $M$NL"
    fi
  done </proc/self/mounts
  # A local mount counts only below one of the network.
  if [ -n "$NETS" ]; then
    MX=
    IFS=$NL
    for L in $MW; do net "${L#* }" && MX=$MX$L$NL; done
    IFS=" $TAB$NL"
    NETS=$NETS$MX
  fi
  mark "o mounts"
  printf '%s' "$MT"
  mark "x 0"
}

# ---- daemons

# uids DIR: whose process that is (real/effective uid) into EU, its parent into PP.
uids() {
  PP= EU=
  while read -r F A B _; do
    case $F in PPid:) PP=$A;; Uid:) EU=$A/$B; break;; esac
  done <"$1/status"
}

daemons() {
  INODES='|'
  for F in tcp tcp6; do
    [ -r /proc/net/$F ] || continue
    V=$(limit sed -n -e 1p -e '/^ *[0-9]*: [0-9A-F]*:[0-9A-F]* [0-9A-F]*:0000 0A /p' /proc/net/$F </dev/null | head -c 262144)
    mark "v $CAP"
    printf '%s\0%s\n' /proc/net/$F "$V"
    IFS=$NL
    for L in $V; do
      IFS=' '
      set -- $L
      INODES=$INODES${10}'|'
    done
    IFS=" $TAB$NL"
  done
  DAEMONS= SSHDS= DN=0 DO=0
  set +f
  set -- /proc/[0-9]*
  set -f
  for D do
    C= CL=
    read -r C <"$D/comm"
    case $C in
      sshd | dropbear | cron | crond | atd | anacron | fcron | dcron | incrond | tinysshd | bcron-start | busybox | inetd | xinetd | systemd) ;;
      *) continue;;
    esac
    # Any account may call a process so. A command line is its process's memory:
    # it may have no end, or never answer, and so only root's is read.
    uids "$D"
    OWNER=$EU K=$C
    if [ "$OWNER" = 0/0 ]; then
      read -r CL <"$D/cmdline"
      case $C in
        sshd) case $CL in 'sshd: '*'[listener]'*) ;; 'sshd: '*) continue;; esac;;
        busybox) case $CL in *crond*) K=crond;; *dropbear*) K=dropbear;; *) continue;; esac;;
        systemd) [ "$D" = /proc/1 ] || continue;;
      esac
      DN=$((DN + 1))
      if [ $DN -gt 64 ]; then gap cap daemons "more than 64 daemons of root"; break; fi
      set -- "$D/cmdline" "$D/stat" "$D/status"
    else
      case $C in
        systemd | busybox) continue;;
        sshd) # the part of a login that has its account's rights is no daemon
          C=
          [ -z "$PP" ] || { read -r C <"/proc/$PP/comm"; uids "/proc/$PP"; }
          [ "$C $EU" = 'sshd 0/0' ] && continue;;
      esac
      DO=$((DO + 1))
      if [ $DO -gt 16 ]; then
        [ $DO -gt 17 ] || gap cap daemons "more than 16 daemons of other accounts"
        continue
      fi
      gap unsafe "$D/cmdline" "the process of uid ${OWNER%/*} makes it up: not read"
      set -- "$D/stat" "$D/status"
    fi
    P=${D#/proc/}
    DAEMONS=$DAEMONS$P$TAB$K$NL
    mark n
    printf '%s\0' "$@"
    mark "m 65536 0"
    limit head -c 65537 -v -- "$@" </dev/null
    EX=$(readlink "$D/exe" </dev/null; echo .) EX=${EX%"$NL".}
    case $EX in
      /*) mark l; printf '%s\0%s' "$D/exe" "$EX";;
      *) EX=; gap denied "$D/exe" "no permission to read the link";;
    esac
    case $K in
      sshd | dropbear | systemd | inetd | xinetd | tinysshd)
        [ "$K" = sshd ] && SSHDS="$SSHDS $P"
        if [ -r "$D/fd" ]; then
          V=$(limit ls -l "$D/fd" </dev/null | head -c 262144)
          [ ${#V} -lt 262100 ] || gap cap "$D/fd" "too many to list"
          IFS=$NL
          for L in $V; do
            case $L in *' -> socket:['*']') ;; *) continue;; esac
            S=${L##*\[} S=${S%\]} L=${L%% -> *}
            case $INODES in *"|$S|"*) mark l; printf '%s\0socket:[%s]' "$D/fd/${L##* }" "$S";; esac
          done
          IFS=" $TAB$NL"
        else gap denied "$D/fd" "no permission to list it"
        fi;;
    esac
    [ "$K $OWNER" != 'dropbear 0/0' ] || [ -z "$EX" ] || version "$P" "${EX% (deleted)}"
  done
  mark "o daemons"
  printf '%s' "$DAEMONS"
  mark "x 0"
}

# trusted FILE: a path that only root can change: each directory and the file
# itself are root's and not writable for group or others, links followed.
trusted() {
  case $1 in /*) ;; *) return 1;; esac
  TP=$(readlink -f -- "$1" </dev/null; echo .) TP=${TP%"$NL".}
  case $TP in *"$NL"* | '') return 1;; esac
  [ -f "$TP" ] || return 1
  TL=/$NL TD= TR=${TP#/}
  while [ -n "$TR" ]; do
    TD=$TD/${TR%%/*} TL=$TL$TD$NL
    case $TR in */*) TR=${TR#*/};; *) TR=;; esac
  done
  IFSO=$IFS IFS=$NL
  set -- $TL
  TN=$#
  TS=$(stat -c '%u %a' -- "$@" </dev/null 2>/dev/null)
  set -- $TS
  IFS=$IFSO
  [ $# -eq $TN ] || return 1
  for T do
    case $T in "0 "*[2367] | "0 "*[2367]?) return 1;; "0 "*) ;; *) return 1;; esac
  done
  return 0
}

# version PID BINARY: the first line that names a release. sshd before 9.3 knows
# no -V and prints it with its usage.
version() {
  case ${2##*/} in
    sshd | dropbear | dropbearmulti) ;;
    *) gap unsafe "sshd-V.$1" "$2 is no SSH server by its name: not run"; return;;
  esac
  trusted "$2" || { gap unsafe "sshd-V.$1" "$2 is not root's alone: not run"; return; }
  V=$(limit "$2" -V 2>&1 </dev/null | sed -n -e '/OpenSSH_/{p;q;}' -e '/[Dd]ropbear v/{p;q;}' | head -c 512)
  mark "o sshd-V.$1"
  printf '%s\n' "$V"
  mark "x 0"
}

# context: the words for -C of this very login.
context() {
  CU=root
  case $LOGIN in *[!A-Za-z0-9._-]* | '') ;; *) CU=$LOGIN;; esac
  CA=127.0.0.1 CB=127.0.0.1 CP=22
  case $CONN in
    *[!0-9a-fA-F.:%a-z\ ]*) ;;
    *' '*' '*' '*) set -- $CONN; CA=$1 CB=$3 CP=$4;;
  esac
  CONTEXT=user=$CU,host=$CA,addr=$CA,laddr=$CB,lport=$CP
}

# effective PID: sshd -T with the arguments of that daemon that change its answer.
effective() {
  EX=$(readlink "/proc/$1/exe" </dev/null; echo .) EX=${EX%"$NL".} EX=${EX% (deleted)}
  case $EX in /*) ;; *) EX=;; esac
  EPID=$1 EU=
  while read -r K A B C _; do case $K in Uid:) EU=$A/$B/$C; break;; esac; done <"/proc/$EPID/status"
  [ "$EU" = 0/0/0 ] || { gap unsafe "sshd-T.$EPID" "it runs as uid ${EU%%/*}: not asked"; return; }
  W=$(limit tr '\0' '\n' <"/proc/$1/cmdline" | head -c 65536; echo .) W=${W%.}
  case $W in
    'sshd: '*) W=${W#sshd: } W=${W%% \[listener\]*} IFS=' ';;
    *) IFS=$NL;;
  esac
  set -- $W
  IFS=" $TAB$NL"
  [ -n "$EX" ] || EX=$1 # a plain account cannot read the link
  DCONF=
  EA=
  [ $# -gt 0 ] && shift
  while [ $# -gt 0 ]; do
    case $1 in
      -?*) W=${1#-};;
      *) gap error "sshd-T.$EPID" "its arguments hold blanks and cannot be told apart"; return;;
    esac
    shift
    while [ -n "$W" ]; do
      OPT=${W%"${W#?}"} W=${W#?}
      case $OPT in
        [46DdeGiqrRtTQV]) continue;;
        [CEbcfghkopuU]) ;;
        *) gap error "sshd-T.$EPID" "an argument that this collector does not know: -$OPT"; return;;
      esac
      VAL=$W W=
      if [ -z "$VAL" ]; then VAL=${1-}; [ $# -eq 0 ] || shift; fi
      case $OPT in
        f) DCONF=$VAL EA=$EA-f$NL$VAL$NL;;
        [ophc]) EA=$EA-$OPT$NL$VAL$NL;;
      esac
    done
  done
  if [ "$UID0" = yes ] && [ "$(stat -L -c %d:%i "/proc/$EPID/root/" </dev/null)" != "$(stat -L -c %d:%i / </dev/null)" ]; then
    gap unsafe "sshd-T.$EPID" "it has another root directory (a container): not asked"
    return
  fi
  # The name of a process is its owner's choice, that of its binary is not.
  [ "${EX##*/}" = sshd ] || { gap unsafe "sshd-T.$EPID" "${EX:-its binary} is not sshd by its name: not run"; return; }
  trusted "$EX" || { gap unsafe "sshd-T.$EPID" "${EX:-its binary} is not root's alone: not run"; return; }
  case $DCONF in
    '' | none) ;;
    *) trusted "$DCONF" || { gap unsafe "sshd-T.$EPID" "$DCONF is not root's alone, or not readable: not used"; return; }
      CONFS=$CONFS$DCONF$NL;;
  esac
  ASKS=$ASKS$EPID$NL$EX$NL$EA$NL
}

# answers: of each daemon in ASKS (lines: PID, binary, arguments, an empty line).
# sshd quotes lines that it cannot read, so none is asked that would read shadow.
answers() {
  while [ -n "$ASKS" ]; do
    AP=${ASKS%%"$NL"*} ASKS=${ASKS#*"$NL"}
    AX=${ASKS%%"$NL"*} ASKS=${ASKS#*"$NL"}
    AA=
    while :; do
      L=${ASKS%%"$NL"*} ASKS=${ASKS#*"$NL"}
      [ -n "$L" ] || break
      AA=$AA$L$NL
    done
    if [ -n "$SECRETS" ]; then gap withheld "sshd-T.$AP" "not asked: it would read $SECRETS"
    else ask "sshd-T.$AP" "$AX" "$AA"
    fi
    version "$AP" "$AX"
  done
}

# ask NAME BINARY ARGUMENTS(lines)
ask() {
  ANAME=$1 ABIN=$2
  IFS=$NL
  set -- $3
  IFS=" $TAB$NL"
  if [ "$UID0" = yes ]; then out "$ANAME" "$ABIN" -T "$@" -C "$CONTEXT"
  else
    INPUT=$TESTKEY
    outkey "$ANAME" "$ABIN" -T "$@" -h /dev/stdin -C "$CONTEXT"
  fi
}
# outkey: out, with the test key on stdin.
outkey() {
  O=$1
  shift
  mark a
  printf '%s\0' "$@"
  mark "o $O"
  { X=$({ printf '%s\n' "$TESTKEY" | limit "$@" 2>&1 >&3 3>&-; R=$?; printf '\n%s' "$R"; } | tail -c "$ERRCAP"); } 3>&1
  mark "x ${X##*"$NL"}"
  printf '%s' "${X%"$NL"*}"
}

# ---- what sshd's files name

# word LINE: takes the first word of $REST into WORD; double quotes hold blanks.
word() {
  while :; do
    case $REST in [" $TAB="]*) REST=${REST#?};; *) break;; esac
  done
  case $REST in
    '' | '#'*) return 1;;
    '"'*) REST=${REST#\"} WORD=${REST%%\"*} REST=${REST#"$WORD"} REST=${REST#\"};;
    *) WORD=${REST%%[" $TAB"]*} REST=${REST#"$WORD"};;
  esac
  return 0
}

sshfiles() {
  KEYFILES=".ssh/authorized_keys$NL.ssh/authorized_keys2$NL" MODULI= REFS= PUBS= METAS= SECRETS=
  CONFS=$CONFS/etc/ssh/sshd_config$NL/usr/etc/ssh/sshd_config$NL
  LEVEL=$CONFS DEPTH=0 NCONF=0
  while [ -n "$LEVEL" ] && [ $DEPTH -le 16 ]; do
    DEPTH=$((DEPTH + 1))
    IFS=$NL
    set --
    for F in $LEVEL; do
      case $F in
        /etc/shadow* | /etc/gshadow*) SECRETS=$F;;
        *) if [ -L "$F" ]; then case $(readlink -f -- "$F" </dev/null) in /etc/shadow* | /etc/gshadow*) SECRETS=$F;; esac; fi;;
      esac
      entered "$F" && [ -f "$F" ] && [ -r "$F" ] && set -- "$@" "$F"
      IFS=$NL
    done
    LINES=
    [ $# -eq 0 ] || LINES=$(limit grep -aihE '^[[:space:]]*"?(include|authorizedkeysfile|authorizedprincipalsfile|hostkey|hostcertificate|trustedusercakeys|revokedkeys|banner|modulifile|authorizedkeyscommand|authorizedprincipalscommand)["[:space:]=]' -- "$@" </dev/null | head -c 65536)
    LEVEL=
    for REST in $LINES; do
      IFS=" $TAB$NL"
      word || continue
      KEY=${WORD%%=*}
      case $WORD in *=*) REST=${WORD#*=}$REST;; esac
      while word; do
        case $KEY in
          [Ii]*)
            case $WORD in /proc/* | /dev/* | /sys/*) continue;; /*) ;; *) WORD=/etc/ssh/$WORD;; esac
            IFS=
            set +f
            for F in $WORD; do
              set -f
              case $F in *"$NL"*) continue;; esac
              [ -f "$F" ] || { blind "$F"; continue; }
              case $NL$CONFS in *"$NL$F$NL"*) continue;; esac
              NCONF=$((NCONF + 1))
              [ $NCONF -le 1000 ] || { gap cap "$F" "more than 1000 included files"; break; }
              CONFS=$CONFS$F$NL LEVEL=$LEVEL$F$NL
            done
            set -f
            IFS=" $TAB$NL";;
          *[Kk][Ee][Yy][Ss][Ff]*) case $WORD in none) ;; *) KEYFILES=$KEYFILES$WORD$NL;; esac;;
          *[Pp][Aa][Ll][Ss][Ff]*) # of each account where it says so
            case $WORD in
              none | /dev/* | /proc/* | /sys/*) ;;
              *%*) KEYFILES=$KEYFILES$WORD$NL;;
              /*) REFS=$REFS$WORD$NL; above "$WORD";;
              *) KEYFILES=$KEYFILES$WORD$NL;;
            esac;;
          *[Cc][Oo][Mm][Mm][Aa][Nn][Dd]) case $WORD in /*) METAS=$METAS$WORD$NL; above "$WORD";; esac; REST=;;
          [Hh]*[Kk][Ee][Yy]) case $WORD in /*) METAS=$METAS$WORD$NL PUBS=$PUBS$WORD.pub$NL; above "$WORD";; esac;;
          [Mm]*) case $WORD in /*) MODULI=${MODULI:-$WORD};; esac;;
          *) case $WORD in *%*) ;; /dev/* | /proc/* | /sys/*) ;; /*) REFS=$REFS$WORD$NL; above "$WORD";; esac;;
        esac
      done
      IFS=$NL
    done
    IFS=" $TAB$NL"
  done
  IFS=$NL
  set -- $CONFS
  above "$@"
  set -- $CONFS $PUBS $REFS
  IFS=" $TAB$NL"
  targets read "$@"
  LIST=$METAS
  looks meta
}

moduli() {
  MODULI=${MODULI:-/etc/ssh/moduli}
  [ -f "$MODULI" ] || { gap missing moduli "no $MODULI"; return; }
  [ -r "$MODULI" ] || { gap denied moduli "no permission to read $MODULI"; return; }
  have sha256sum && have awk || { gap missing moduli "no sha256sum or awk"; return; }
  mark "o moduli"
  H=$(limit sha256sum <"$MODULI")
  printf 'sha256 %s\n' "${H%% *}"
  limit awk '$1 !~ /^#/ && NF == 7 { if (!($5 in n)) o[++k] = $5; n[$5]++ } END { for (i = 1; i <= k; i++) print n[o[i]], o[i] + 1 }' <"$MODULI"
  mark "x 0"
}

# ---- accounts

# scheme HASH: the algorithm of crypt(5) by its prefix.
scheme() {
  case $1 in
    '$1$'*) A=md5;; '$2'[abxy]'$'*) A=bcrypt;; '$5$'*) A=sha256;; '$6$'*) A=sha512;; '$7$'*) A=scrypt;;
    '$y$'*) A=yescrypt;; '$gy$'*) A=gost-yescrypt;; '$md5'*) A=sunmd5;; '$sha1$'*) A=sha1;; '$3$'*) A=nt;; '$'*) A=other;;
    '_'*) A=bsdi;; ?????????????) A=des;; *) A=;;
  esac
}
# state HASH: into STATE and A. The hash itself goes nowhere.
state() {
  A=
  case $1 in
    '') STATE=empty;;
    '!' | '!!' | '!*' | '*LK*') STATE=locked;;
    '*' | '*NP*') STATE=star;;
    '!'*) H=${1#!} H=${H#!}; scheme "$H"; STATE=locked-hash; [ -n "$A" ] || STATE=locked;;
    *) scheme "$1"; STATE=hash; [ -n "$A" ] || STATE=invalid;;
  esac
}

accounts() {
  fields /etc/passwd
  fields /etc/group
  IDS=$NL PEOPLE= SHELLS= INPASSWD= NP=0
  if [ -r /etc/passwd ]; then
    while IFS=: read -r U X I G _ H S || [ -n "$U" ]; do
      case $U in '' | '#'* | [-+]*) U=; continue;; esac
      case $X in *[!x*!]*) state "$X"; INPASSWD=$INPASSWD$U:$STATE:$A::::::$NL;; esac
      case $I$G in *[!0-9]* | '') U=; continue;; esac
      NP=$((NP + 1))
      if [ $NP -gt 20000 ]; then gap cap /etc/passwd "more than 20000 accounts"; break; fi
      IDS=$IDS$I:$G$NL
      case $NL$SHELLS in *"$NL${S:-/bin/sh}$NL"*) ;; *) SHELLS=$SHELLS${S:-/bin/sh}$NL;; esac
      case $H in /*) entered "$H" && [ -d "$H" ] && PEOPLE=$PEOPLE$I:$G:$U:$H$NL;; esac
      U=
    done </etc/passwd
  fi
  mark "o nsswitch"
  [ -r /etc/nsswitch.conf ] && sed -n -E '/^[[:space:]]*(passwd|group|shadow|initgroups)[[:space:]]*:/p' /etc/nsswitch.conf </dev/null | head -c 4096
  mark "x 0"
  if [ -r /etc/shadow ]; then
    mark "o shadow"
    while IFS=: read -r U X LAST MIN MAX WARN INACT EXP _ || [ -n "$U" ]; do
      [ -n "$U" ] || continue
      state "$X"
      X=
      printf '%s\n' "$U:$STATE:$A:$LAST:$MIN:$MAX:$WARN:$INACT:$EXP"
      U=
    done </etc/shadow
    printf '%s' "$INPASSWD"
    mark "x 0"
  elif [ -e /etc/shadow ]; then gap denied shadow "no permission to read /etc/shadow"
  else gap error shadow "no /etc/shadow"
  fi
}

# userunits ROOT FOLDERS...: the files of the account's own timers in these folders
# below ROOT, into UNITS1.
userunits() {
  UROOT=$1 UNITS1= UN=0
  shift
  for D do
    entered "$UROOT/$D" || continue
    if [ ! -d "$UROOT/$D" ]; then
      P=$UROOT
      while [ -d "$P" ] && [ -x "$P" ]; do
        case $D in */*) P=$P/${D%%/*} D=${D#*/};; *) continue 2;; esac
      done
      [ ! -d "$P" ] || gap denied "$P" "no permission to search it"
      continue
    fi
    D=$UROOT/$D
    if [ ! -r "$D" ] || [ ! -x "$D" ]; then gap denied "$D" "no permission to read it"; continue; fi
    LIST=$LIST$D$NL
    for UP in $USERUNITS; do
      IFS=
      set +f
      for P in "$D"/$UP; do
        set -f
        [ -e "$P" ] || [ -L "$P" ] || continue
        case $P in *"$NL"*) continue;; esac
        UN=$((UN + 1))
        if [ $UN -gt 200 ]; then gap cap "$D" "more than 200 files of units"; break 3; fi
        case $NL$UNITS1 in *"$NL$P$NL"*) ;; *) UNITS1=$UNITS1$P$NL;; esac
      done
      IFS=" $TAB$NL"
    done
  done
  set -f
}

# mine ROOM NAMES: lines to be read with the rights of the account in I and G.
mine() {
  [ -n "$2" ] || return 0
  if [ "$I" = 0 ] || [ "$UID0" != yes ]; then AS="${AS}read$NL$2$NL"; else AS="${AS}as:$I:$G:$1$NL$2$NL"; fi
  LIST=$LIST$2
}

# keys: what may open each account, and the directories above.
keys() {
  LIST= AS= KN=0 HOMES=$NL RAN=' '
  IFS=$NL
  for L in $PEOPLE; do
    IFS=" $TAB$NL"
    I=${L%%:*} L=${L#*:} G=${L%%:*} L=${L#*:} U=${L%%:*} H=${L#*:}
    late && { gap cap "$H" "the time was over"; IFS=$NL; continue; }
    entered "$H" || { IFS=$NL; continue; }
    [ "$H" = / ] || case $HOMES in *"$NL$H$NL"*) ;; *) HOMES=$HOMES$H$NL LIST=$LIST$H$NL; above "$H";; esac
    [ -x "$H" ] || { gap denied "$H" "no permission to search it"; IFS=$NL; continue; }
    MINE=
    IFS=$NL
    for P in $KEYFILES; do
      case $P in
        *%*)
          PX=
          while :; do
            case $P in
              *%*) PX=$PX${P%%"%"*} P=${P#*"%"}
                case $P in h*) PX=$PX$H;; u*) PX=$PX$U;; U*) PX=$PX$I;; %*) PX=$PX%;; esac
                P=${P#?};;
              *) break;;
            esac
          done
          P=$PX$P;;
      esac
      case $P in /*) ;; *) P=${H%/}/$P;; esac
      entered "$P" || continue
      [ -e "$P" ] || [ -L "$P" ] || { blind "$P"; continue; }
      case $NL$MINE in *"$NL$P$NL"*) ;; *) MINE=$MINE$P$NL; above "$P";; esac
    done
    if [ -z "$MINE" ] && entered "${H%/}/.ssh" && [ -d "${H%/}/.ssh" ]; then
      LIST=$LIST${H%/}/.ssh$NL
      [ -x "${H%/}/.ssh" ] || gap denied "${H%/}/.ssh" "no permission to search it"
    fi
    IFS=" $TAB$NL"
    userunits "${H%/}" $HOMEUNITS
    mine "$H" "$MINE$UNITS1"
    if [ -d "/run/user/$I" ]; then
      case $RAN in
        *" $I "*) ;;
        *) RAN="$RAN$I "
          IFS=" $TAB$NL"
          userunits "/run/user/$I" $RUNUNITS
          mine "/run/user/$I" "$UNITS1";;
      esac
    fi
    IFS=$NL
  done
  IFS=" $TAB$NL"
  # Their shells too: sshd refuses an account whose shell is not there.
  LIST=$LIST$NEW$SHELLS NEW=
  looks meta
  # Contents: one child a user, with that user's rights.
  while [ -n "$AS" ]; do
    KH=${AS%%"$NL"*} AS=${AS#*"$NL"}
    IFS=$NL
    set --
    while :; do
      P=${AS%%"$NL"*} AS=${AS#*"$NL"}
      [ -n "$P" ] || break
      set -- "$@" "$P"
    done
    IFS=" $TAB$NL"
    KI=0 KL= KF= KR=
    for P do
      KI=$((KI + 1))
      late && { gap cap "$P" "the time was over before it was read"; continue; }
      if [ -f "$P" ]; then
        if [ -L "$P" ]; then KL="$KL \"\${$KI}\""
        elif [ -r "$P" ]; then
          RU=1
          [ -n "$SWITCH" ] || rights "$P" # what only root can change needs no other's rights
          if [ "$RU" = 0 ]; then KR="$KR \"\${$KI}\""; else KF="$KF \"\${$KI}\""; fi
        else gap denied "$P" "no permission to read it"
        fi
      elif [ -e "$P" ] && [ ! -d "$P" ]; then gap unsafe "$P" "neither a file nor a directory: not opened"
      fi
    done
    [ -z "$KR" ] || eval "contents \"\$CAP\" read $KR"
    case $KH in
      read) [ -z "$KF$KL" ] || eval "targets read $KF $KL";;
      *) [ -z "$KF" ] || eval "contents \"\$CAP\" \"\$KH\" $KF"; [ -z "$KL" ] || eval "finals \"\$KH\" $KL";;
    esac
  done
}

# heads UID GID ROOM NAMES...: the beginnings of an account's files, read with
# those rights; what PRIVATES says of them goes to PV.
heads() {
  MU=$1 MG=$2 ROOM=$3 MCAP=1023 HO=
  shift 3
  case $SLOW in
    *" $MU "*) for P do gap cap "$P" "an earlier file of uid $MU took all of its time"; done; return;;
  esac
  if [ "$MU" = 0 ] || [ "$UID0" != yes ]; then
    HO=$(limit head -c 1024 -v -- "$@" </dev/null 2>/dev/null | awk "$PRIVATES" "$@")
  elif [ -n "$SWITCH" ]; then
    HO=$({ $SWITCH "$MU" "$MG" head -c 1024 -v -- "$@" </dev/null 2>/dev/null; printf '\n==> %s <==\n' $?; } | awk "$PRIVATES" "$@")
  else STAY=heads; stays "$@"; STAY=
  fi
  HL=$HO HW=
  [ "$MU" = 0 ] || HW=" with the rights of uid $MU"
  while [ -n "$HL" ]; do
    L=${HL%%"$NL"*}
    case $HL in *"$NL"*) HL=${HL#*"$NL"};; *) HL=;; esac
    case $L in
      'rc '*) slow "${L#rc }";;
      '- '*) gap denied "${L#- }" "it could not be read$HW";;
      'key '*) PV=$PV${L#key }$NL;;
    esac
  done
}
# beginnings NAME CONTENT: of one file that stays has read.
beginnings() {
  HO=$HO$(printf '==> %s <==\n%s\n' "$1" "$2" | awk "$PRIVATES" "$1")$NL
}

# privates: which files in ~/.ssh are private keys, and whether a passphrase guards
# them. What leaves the host of such a file are the words of its BEGIN line, whether
# the line behind says that it is encrypted, and of OpenSSH's own form the first 32
# letters, which are its name and the cipher's. No other byte of it does.
PRIVATES='
BEGIN { for (i = 1; i < ARGC; i++) { ask[ARGV[i]] = 1; order[i] = ARGV[i]; ARGV[i] = "" } n = ARGC }
function say() { if (kind != "") print "key " kind " " proc " " first " " name; kind = ""; name = "" }
/^==> .* <==$/ {
  t = substr($0, 5, length($0) - 8)
  if (t ~ /^[0-9]+$/) { print "rc " t; next }
  if (t in ask) { say(); name = t; seen[t] = 1; next }
}
name == "" { next }
kind == "" {
  if ($0 ~ /^PuTTY-User-Key-File-[0-9]+: /) { kind = "PuTTY"; proc = first = "-"; say(); next }
  if ($0 !~ /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/) next
  kind = substr($0, 12, 40); sub(/-.*/, "", kind); gsub(/ /, "_", kind)
  proc = first = "-"
  next
}
{
  if ($0 ~ /^Proc-Type:/) proc = "encrypted"
  else if (kind == "OPENSSH_PRIVATE_KEY" && $0 ~ /^[A-Za-z0-9+\/=]+[^A-Za-z0-9+\/=]?$/ && length($0) >= 32) first = substr($0, 1, 32)
  say()
}
END { say(); for (i = 1; i < n; i++) if (!(order[i] in seen)) print "- " order[i] }
'
# A gap at "$D/*" is about names that are not known, and about no other in $D.
privates() {
  have awk || { gap missing private-keys "no awk"; return; }
  PV= AS= LIST= KT=0 DIRS=$NL STAY=
  IFS=$NL
  for L in $PEOPLE; do
    IFS=" $TAB$NL"
    I=${L%%:*} L=${L#*:} G=${L%%:*} L=${L#*:} H=${L#*:}
    D=${H%/}/.ssh
    case $DIRS in *"$NL$D$NL"*) IFS=$NL; continue;; esac
    DIRS=$DIRS$D$NL
    late && { gap cap "$D/*" "the time was over before it was listed"; IFS=$NL; continue; }
    entered "$D" && [ -d "$D" ] || { IFS=$NL; continue; }
    [ -x "$D" ] || { gap denied "$D" "no permission to search it"; IFS=$NL; continue; }
    [ -r "$D" ] || { gap denied "$D/*" "no permission to list it"; IFS=$NL; continue; }
    case $(limit stat -L -c %s -- "$D" </dev/null 2>/dev/null) in
      ???????*) gap cap "$D/*" "too many names to list"; IFS=$NL; continue;;
    esac
    set +f
    set -- "$D"/* "$D"/.[!.]*
    set -f
    PI=0 PA= PC=0
    for P do
      PI=$((PI + 1))
      case ${P##*/} in *.pub | authorized_keys* | known_hosts* | config | environment | rc) continue;; esac
      [ -f "$P" ] || continue
      case $P in *"$NL"*) gap error "$P" "its name holds a newline: not looked at"; continue;; esac
      [ ! -L "$P" ] || { gap unsafe "$P" "a link: not looked at for a private key"; continue; }
      [ -r "$P" ] || { gap denied "$P" "no permission to read it"; continue; }
      PC=$((PC + 1)) KT=$((KT + 1))
      if [ $PC -gt 64 ] || [ $KT -gt 4000 ]; then gap cap "$D/*" "more files than are looked at for private keys"; break; fi
      PA="$PA \"\${$PI}\""
    done
    [ -n "$PA" ] || { IFS=$NL; continue; }
    RU=$I RG=$G RD=$H
    if [ "$I" = 0 ] || [ "$UID0" != yes ] || [ -z "$SWITCH" ]; then rights "$D/."; fi
    [ "$RU" = 0 ] || [ "$I" = 0 ] || RU=$I RG=$G RD=$H
    PO=$PV
    eval "heads \"\$RU\" \"\$RG\" \"\$RD\" $PA"
    MINE=
    IFS=$NL
    for L in ${PV#"$PO"}; do
      P=${L#* } P=${P#* } P=${P#* }
      LIST=$LIST$P$NL
      entered "$P.pub" && [ -f "$P.pub" ] && [ ! -L "$P.pub" ] && MINE=$MINE$P.pub$NL
    done
    if [ -n "$MINE" ]; then
      if [ "$RU" = 0 ]; then AS="${AS}read$NL$MINE$NL"; else AS="${AS}as:$RU:$RG:$RD$NL$MINE$NL"; fi
      LIST=$LIST$MINE
    fi
  done
  IFS=" $TAB$NL"
  looks meta
  while [ -n "$AS" ]; do
    KH=${AS%%"$NL"*} AS=${AS#*"$NL"}
    IFS=$NL
    set --
    while :; do
      P=${AS%%"$NL"*} AS=${AS#*"$NL"}
      [ -n "$P" ] || break
      set -- "$@" "$P"
    done
    IFS=" $TAB$NL"
    contents "$CAP" "$KH" "$@"
  done
  mark "o private-keys"
  printf '%s' "$PV"
  mark "x 0"
}

# ---- what jobs point to

# words prints for each job line the paths that its words may mean:
#   + PATH        named: said even where it does not exist
#   ? PATH        a bare word: only where it exists
#   = WORD:DIR..  a word that may be a command: the first of PATH that has it, or all
#                 places where it is not
#   & WORD:DIR..  the same where the command sets PATH itself: what comes before it too
#   h HOME        the home of a user who has jobs
JOBWORDS='
function clean(p,   n, i, a, o, k) {
  n = split(p, a, "/"); k = 0
  for (i = 1; i <= n; i++) {
    if (a[i] == "" || a[i] == ".") continue
    if (a[i] == "..") { if (k > 0) k--; continue }
    o[++k] = a[i]
  }
  p = ""
  for (i = 1; i <= k; i++) p = p "/" o[i]
  return p == "" ? "/" : p
}
function say(kind, p) {
  if (length(p) > 1024 || (kind p) in said) return
  if (total >= 2000) { left = 1; return }
  said[kind p]; total++
  print kind, p
}
function path(p) { say("+", p); if (index(p, "/.")) say("+", clean(p)) }
function against(w, kind,   i) {
  sub(/^(\.\/)+/, "", w)
  if (w == "") return
  for (i = 1; i <= ncwd; i++) { if (kind == "+") path(cwd[i] "/" w); else say(kind, cwd[i] "/" w) }
}
function cand(w) {
  if (w ~ /^[A-Za-z0-9_-]+=\//) sub(/^[^=]*=/, "", w)
  if (w ~ /^~\//) w = home substr(w, 2)
  else if (w ~ /^\$HOME\//) w = home substr(w, 6)
  else if (w ~ /^\$\{HOME\}\//) w = home substr(w, 8)
  if (w == "" || w ~ /^-/ || w ~ /[*?$`\[]/ || index(w, "://") || w ~ /^\.*$/) return
  if (w ~ /^\//) { if (w !~ /^\/dev\/(null|zero|tcp|udp|std|fd)/) path(w) }
  else if (index(w, "/")) against(w, "+")
  else if (w !~ /[=,:]/) against(w, "?")
}
function bare(w) {
  if (w !~ /^[A-Za-z0-9_.+-]+$/ || w ~ /^-/ || w ~ /^[0-9.]+[smhd]?$/ || w in builtin) return
  say("=", w ":" PATH)
  if (own != "") say("&", w ":" own)
}
function ownpath(p,   at, n) { # what a command sets PATH to, with the $PATH in it
  own = ""
  for (n = 0; n < 4 && match(p, /\$(PATH|\{PATH\})/); n++) {
    own = own substr(p, 1, RSTART - 1) PATH; p = substr(p, RSTART + RLENGTH)
  }
  own = own p
  if (length(own) > 900) own = ""
  searched(own)
}
function searched(p,   i, n, a) {
  n = split(p, a, ":")
  for (i = 1; i <= n; i++) if (a[i] ~ /^\//) say("?", a[i])
}
function command(t,   n, i, c, w, any, q, first, want, p, k, m, s, wraps) {
  ncwd = 1; cwd[1] = home; own = ""
  n = length(t); w = ""; any = 0; q = ""; first = 1; nw = 0
  for (i = 1; i <= n + 1; i++) {
    c = i > n ? ";" : substr(t, i, 1)
    if (q == "\047") { if (c == "\047" && i <= n) q = ""; else w = w c; continue }
    if (q == "\"") {
      if (c == "\"" && i <= n) q = ""
      else if (c == "\\" && i < n) { i++; c = substr(t, i, 1); w = w (c ~ /["\\$`]/ ? c : "\\" c) }
      else w = w c
      continue
    }
    if (c == "\\" && i < n) { i++; w = w substr(t, i, 1); any = 1; continue }
    if (c == "\047" || c == "\"") { q = c; any = 1; continue }
    if (c !~ /[ \t;&|()<>`%]/) { w = w c; any = 1; continue }
    if (any) {
      if (w ~ /^PATH=/) ownpath(substr(w, 6))
      if (first && w ~ /^[A-Za-z_][A-Za-z0-9_]*=/) cand(w)
      else { W[++nw] = w; F[nw] = first; first = 0 }
    }
    w = ""; any = 0
    if (c ~ /[;&|(`%]/) { first = 1; if (nw && W[nw] != "") { W[++nw] = ""; F[nw] = 0 } }
  }
  if (w != "") { W[++nw] = w; F[nw] = 0 }
  for (i = 1; i <= nw && i <= 400; i++) {
    w = W[i]
    if (w == "") continue
    if (w ~ /^\.+$/ && i < nw && W[i + 1] != "" && W[i + 1] !~ /^-/) {
      for (k = 1; k <= ncwd; k++) { say("+", cwd[k] "/" w " " W[i + 1]) }
    }
    if (F[i] && w == "cd" && i < nw && W[i + 1] != "" && ncwd < 4) {
      p = W[i + 1]
      sub(/^~/, home, p); sub(/^\$HOME/, home, p)
      if (p !~ /^\//) p = home "/" p
      cwd[++ncwd] = p
    }
    if (F[i]) { wraps = 0; if (w in leads) F[i + 1] = 1 }
    if (F[i] || wraps) {
      bare(w); p = w; sub(/^.*\//, "", p)
      if (p in wrapper) wraps = 1
    }
    cand(w)
    if (w ~ /[ \t;&|]/) {
      m = split(w, S, /[ \t;&|()<>\047"`]+/)
      for (k = 1; k <= m && k <= 100; k++) { cand(S[k]); if (wraps) bare(S[k]) }
      if (w ~ /(^|[;&|])[ \t]*cd[ \t]/) {
        p = w; sub(/^.*cd[ \t]+/, "", p); sub(/[ \t;&|].*$/, "", p)
        if (p ~ /^\// && ncwd < 4) { cwd[++ncwd] = p; for (k = 1; k <= m; k++) if (S[k] !~ /^\//) cand(S[k]) }
      }
    }
  }
}
function names(list, to,   n, a) { n = split(list, a, " "); for (; n > 0; n--) to[a[n]] = 1 }
BEGIN {
  OFS = " "
  names("if then else elif do while until ! { time exec command builtin eval", leads)
  names("if then else elif fi do done while until for case esac in cd exit return exec eval export set unset read wait trap shift umask ulimit local function break continue builtin", builtin)
  names("nice ionice chrt taskset timeout flock lockrun solo nohup setsid env sudo doas su runuser setpriv chronic cronic time stdbuf unbuffer systemd-run systemd-cat start-stop-daemon choom prlimit numactl trickle xargs parallel find watch strace ltrace unshare nsenter chroot bash sh dash ash ksh zsh busybox run-one exec command eval", wrapper)
}
END { if (!left) print "! whole" }
FILENAME == "/etc/passwd" { split($0, f, ":"); if (!(f[1] in homes)) homes[f[1]] = f[6]; next }
FNR == 1 {
  fflush() # a table without end must not take the words of those before it along
  mode = "user"; user = FILENAME; sub(/^.*\//, "", user)
  if (FILENAME == "/etc/crontab" || FILENAME ~ /^\/etc\/cron\.d\//) { mode = "system"; user = "root" }
  if (FILENAME == "/etc/anacrontab") { mode = "anacron"; user = "root" }
  if (FILENAME ~ /\.(service|timer)$/) { mode = "unit"; user = "root" }
  tabhome = ""; PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
length($0) > 8192 { $0 = substr($0, 1, 8192) }
mode == "unit" {
  if ($0 ~ /^Exec[A-Za-z]*[ \t]*=/) { t = $0; sub(/^[^=]*=[ \t]*[@:+!|-]*/, "", t); home = "/"; command(t) }
  next
}
/^[ \t]*(#|$)/ { next }
/^[ \t]*[A-Za-z_][A-Za-z0-9_]*[ \t]*=/ {
  k = $0; sub(/^[ \t]*/, "", k); v = k; sub(/[ \t]*=.*/, "", k); sub(/^[^=]*=[ \t]*/, "", v); sub(/[ \t\r]+$/, "", v)
  if (v ~ /^".*"$/ || v ~ /^\047.*\047$/) v = substr(v, 2, length(v) - 2)
  if (k == "PATH" && length(v) < 500) { PATH = v; searched(v) }
  if (k == "HOME") tabhome = v
  if (k == "SHELL" || k ~ /^LD_/ || k == "BASH_ENV") { home = "/"; ncwd = 1; cwd[1] = "/"; if (v ~ /^\//) path(v) }
  next
}
{
  t = $0; sub(/^[ \t]*-?/, "", t)
  n = 5
  if (t ~ /^@/) n = 1
  if (mode == "anacron") n = 3
  for (i = 0; i < n; i++) if (!sub(/^[^ \t]+[ \t]+/, "", t)) next
  who = user
  if (mode == "system") { who = t; sub(/[ \t].*/, "", who); if (!sub(/^[^ \t]+[ \t]+/, "", t)) next }
  home = (who in homes) ? homes[who] : "/"
  if (home !~ /^\//) home = "/"
  say("h", home)
  if (tabhome ~ /^\//) home = tabhome
  if (home == "/") home = ""
  gsub(/\\%/, "\001", t)
  gsub(/\001/, "%", t)
  command(t)
}
'

# missed: the lines of $MISS are among the paths that were looked for. Whoever writes
# a table can name as many as he likes: behind the bound it is not known that they
# are not there.
missed() {
  IFS=$NL
  for M in $MISS; do
    case $NL$FOUND in *"$NL$M$NL"*) continue;; esac
    MN=$((MN + 1))
    [ $MN -le 600 ] || break
    FOUND=$FOUND$M$NL
    above "$M"
  done
  IFS=" $TAB$NL"
}

jobs() {
  if ! have awk; then gap missing cron.targets "no awk"; JOBHOMES=; return; fi
  set +f
  # What users wrote comes last: the bounds are to be hit there.
  UL="/var/spool/cron/crontabs/* /var/spool/cron/tabs/* /var/spool/cron/* /etc/crontabs/*"
  set -- /etc/crontab /etc/anacrontab /etc/cron.d/* /etc/cron.d/.[!.]* /etc/cron.d/..?* /var/spool/cron/crontabs/root /var/spool/cron/tabs/root /var/spool/cron/root /etc/crontabs/root
  for D in $UNITDIRS; do
    case $D in /lib/*) [ -L /lib ] && continue;; esac
    for P in "$D"/*.timer; do
      U=${P##*/} U=${U%.timer}.service
      [ -f "$P" ] && [ -f "$D/$U" ] && set -- "$@" "$D/$U"
    done
  done
  set -- "$@" $UL
  set -f
  JI=0 JA= JN=0
  for P do
    JI=$((JI + 1))
    entered "$P" || continue
    [ -f "$P" ] && [ -r "$P" ] || continue
    JN=$((JN + 1))
    if [ $JN -gt 1000 ]; then gap cap cron.targets "more than 1000 tables"; break; fi
    JA="$JA \"\${$JI}\""
  done
  JOBHOMES= FOUND=
  [ -n "$JA" ] || { mark "o cron.targets"; mark "x 0"; return; }
  W=$(eval "limit awk \"\$JOBWORDS\" /etc/passwd $JA" </dev/null | head -c 262144)
  case $W in *'! whole') ;; *) gap cap cron.targets "more words in job lines than were looked at";; esac
  FN=0 MN=0
  IFS=$NL
  for L in $W; do
    IFS=" $TAB$NL"
    K=${L%% *} P=${L#* }
    case $K in
      h) JOBHOMES=$JOBHOMES$P$NL; IFS=$NL; continue;;
      '!') continue;;
      '?') entered "$P" || { IFS=$NL; continue; }
        [ -e "$P" ] || [ -L "$P" ] || { IFS=$NL; continue; };;
      = | '&')
        R=${P#*:}: P=${P%%:*} HIT= MISS=
        while [ -n "$R" ]; do
          D=${R%%:*} R=${R#*:}
          case $D in /*) ;; *) continue;; esac
          entered "$D/$P" || continue
          [ ! -f "$D/$P" ] || { HIT=$D/$P; break; }
          MISS="$MISS$D/$P$NL"
        done
        # That it is not there is an answer too.
        if [ -z "$HIT" ] || [ "$K" = '&' ]; then missed; fi
        [ -n "$HIT" ] || { IFS=$NL; continue; }
        P=$HIT;;
    esac
    case $P in /proc/* | /sys/* | /dev/*) IFS=$NL; continue;; esac
    entered "$P" || { IFS=$NL; continue; }
    case $NL$FOUND in *"$NL$P$NL"*) IFS=$NL; continue;; esac
    FN=$((FN + 1))
    if [ $FN -gt 400 ]; then gap cap cron.targets "more than 400 paths in job lines"; break; fi
    FOUND=$FOUND$P$NL
    above "$P"
    IFS=$NL
  done
  IFS=$NL
  set -- $FOUND
  IFS=" $TAB$NL"
  mark "o cron.targets"
  [ $# -eq 0 ] || printf '%s\0' "$@"
  mark "x 0"
  # Contents: the first 4 KiB of what is small, so that a script can be told from
  # a binary; of the rest only the first bytes.
  CAPO=$CAP
  SMALL= BIG= SIZES=
  [ $# -eq 0 ] || SIZES=$(limit stat -L -c '%s %n' -- "$@" </dev/null 2>/dev/null)
  IFS=$NL
  for L in $SIZES; do
    if [ "${L%% *}" -gt 65536 ]; then BIG=$BIG${L#* }$NL; else SMALL=$SMALL${L#* }$NL; fi
  done
  for P do
    [ -e "$P" ] || SMALL=$SMALL$P$NL # a link that leads nowhere, or what we may not see
  done
  CAP=$FIRST PART=' part'
  set -- $SMALL
  IFS=" $TAB$NL"
  [ $# -eq 0 ] || targets read "$@"
  CAP=64 IFS=$NL
  set -- $BIG
  IFS=" $TAB$NL"
  [ $# -eq 0 ] || targets read "$@"
  CAP=$CAPO PART=
}

# near: what lies in the homes of users who have jobs and in the shared temporary
# directories, so that a directory called ". .." is seen.
near() {
  LIST=$NEW NEW=
  looks meta
  NH=0
  IFS=$NL
  for D in /tmp /var/tmp /dev/shm $JOBHOMES; do
    IFS=" $TAB$NL"
    NH=$((NH + 1))
    case $D in / | /proc* | /sys* | /dev | /bin | /sbin | /usr | /usr/bin | /usr/sbin | /etc | /nonexistent) IFS=$NL; continue;; esac
    if [ $NH -gt 100 ] || late; then gap cap "$D" "too many homes to list, or the time was over"; IFS=$NL; continue; fi
    names "${D%/}" 500
    IFS=$NL
  done
  IFS=" $TAB$NL"
}

# ---- what systemd, logs and packages say

timers() {
  [ "$SYSTEMD" = yes ] && have systemctl || return 0
  out units systemctl show --no-pager -p Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,MainPID,ExecStart,EnvironmentFiles,Listen,Triggers,TriggeredBy,ActiveEnterTimestamp,ExecMainStartTimestamp,StateChangeTimestamp,NeedDaemonReload -- $UNITS
  mark a
  printf '%s\0' systemctl show timers
  mark "o timers"
  V=$(limit systemctl show --no-pager -p Id,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,Unit,Triggers,TimersCalendar,TimersMonotonic,NextElapseUSecRealtime,LastTriggerUSec,Persistent,RandomizedDelayUSec,Transient -- '*.timer' </dev/null | head -c "$OUTCAP")
  printf '%s\n' "$V"
  set --
  IFS=$NL
  for L in $V; do
    case $L in
      Unit=?* | Triggers=?*)
        IFS=" $TAB$NL"
        for U in ${L#*=}; do
          case " $* " in *" $U "*) ;; *) [ $# -lt 500 ] && set -- "$@" "$U";; esac
        done
        IFS=$NL;;
    esac
  done
  IFS=" $TAB$NL"
  if [ $# -gt 0 ]; then
    printf '\n'
    limit systemctl show --no-pager -p Id,LoadState,UnitFileState,FragmentPath,DropInPaths,ExecStart,ExecStartPre,ExecStartPost,User,Group,WorkingDirectory,Environment,EnvironmentFiles,Transient -- "$@" </dev/null
  fi
  mark "x 0"
}

# The lines of sshd that tell starts, reloads and accepted logins; of cron's
# daemons whatever they say. Newest last. Anyone may write to the journal in
# sshd's name, but not with root's uid.
SSHDSAYS='Server listening on|Received SIG(HUP|TERM)|Accepted [a-z/-]+ for|Exiting on signal|error: Bind to port|fatal: '
logs() {
  if [ "$SYSTEMD" = yes ] && have journalctl; then
    out log.sshd/reverse journalctl -q --no-pager -o short-iso -r -n 400 -g "$SSHDSAYS" -t sshd -t sshd-session _UID=0
    case $X in
      "${NL}0" | "${NL}1") ;; # 1 without a word: nothing was found
      *) out log.sshd/reverse journalctl -q --no-pager -o short-iso -r -n 400 -t sshd -t sshd-session _UID=0;;
    esac
    out log.cron/reverse journalctl -q --no-pager -o short-iso -r -n 400 -t CRON -t cron -t CROND -t crond -t anacron -t crontab -t atd
    if [ "$UID0" != yes ]; then
      case " $(id -Gn </dev/null) " in
        *" adm "* | *" systemd-journal "* | *" wheel "*) ;;
        *) gap denied log.sshd "only an account's own journal is shown to it"
          gap denied log.cron "only an account's own journal is shown to it";;
      esac
    fi
    return
  fi
  logfile log.sshd 'sshd(-session)?(\[|:)' "$SSHDSAYS" /var/log/auth.log /var/log/secure /var/log/messages /var/log/syslog
  logfile log.cron '(CRON|cron|CROND|crond|anacron|crontab|atd)(\[|:)' . /var/log/cron /var/log/cron.log /var/log/syslog /var/log/messages
}
# logfile NAME WHO WHAT FILES...: of the first that is there.
logfile() {
  LN=$1 LW=$2 LS=$3
  shift 3
  for F do
    [ -f "$F" ] || continue
    [ -r "$F" ] || { gap denied "$LN" "no permission to read $F"; return; }
    mark a
    printf '%s\0' tail "$F"
    mark "o $LN"
    limit tail -c 2097152 -- "$F" </dev/null | grep -aE " $LW" | grep -aE "$LS" | tail -n 400 | tail -c 262144
    mark "x 0"
    return
  done
  gap missing "$LN" "no journal and no log file"
}

# passwords: who logged in with a password, as far back as the logs go, of each
# account the last line (OutPasswordLog tells the form). Whoever tries to log in chooses
# a name, which stands in lines of failures too: a line counts from its beginning on.
# What it costs is bounded by the bytes, and by the processor's time for each reader.
PWFIXED='Accepted password for
Accepted keyboard-interactive'
PWLINE='^([A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]{8}|[0-9][0-9T:.,+Z-]+) ([^ ]+ )?([a-z0-9]+[.][a-z]+ )?sshd(-session)?(\[[0-9]+\])?: Accepted (password|keyboard-interactive[^ ]*) for '
# WAY 1: oldest first; -1: newest first. Printed oldest first; "<" is the oldest seen.
PWLAST='
{ t = substr($0, 1, 1000); o = t
  sub(/^.*: Accepted [^ ]+ for /, "", t); sub(/ from [^ ]+ port [0-9]+ .*$/, "", t)
  if (WAY < 0) { if (!(t in p)) { p[t] = NR; at[NR] = o } }
  else { if (t in p) delete at[p[t]]; p[t] = NR; at[NR] = o }
}
END {
  if (WAY < 0) { if (NR) print S "< " o; for (i = NR; i; i--) if (i in at) print S "= " at[i] }
  else for (i = 1; i <= NR; i++) if (i in at) print S "= " at[i]
}'
PWBYTES=25165824 # of files as they are
PWPACKED=3145728 # of files that are packed
passwords() {
  have awk || return 0
  PWJ=no PWF=
  if [ "$SYSTEMD" = yes ] && have journalctl; then
    PWJ=yes
    if [ "$UID0" != yes ]; then
      case " $(id -Gn </dev/null) " in *" adm "* | *" systemd-journal "* | *" wheel "*) ;; *) PWJ=no; gap denied log.passwords "only an account's own journal is shown to it";; esac
    fi
  fi
  for F in /var/log/auth.log /var/log/secure /var/log/messages /var/log/syslog; do
    entered "$F" && [ -f "$F" ] || continue
    if [ -r "$F" ]; then PWF=$F; else gap denied log.passwords "no permission to read $F"; fi
    break
  done
  mark "o log.passwords"
  [ $PWJ = no ] || pwjournal
  [ -z "$PWF" ] || pwfiles
  printf '.\n'
  mark "x 0"
}
# pwbound COMMAND...: for a second of the processor's time.
pwbound() { (ulimit -t 1; case $1 in pwdump) "$@";; *) limit "$@";; esac </dev/null 2>/dev/null); }
# pwasked COMMAND...: $PW is its exit code and then what it said of logins, oldest first.
pwasked() { PW=$({ { pwbound "$@"; echo $? >&3; } | grep -aF -e "$PWFIXED" | grep -aE -e "$PWLINE" | awk -v WAY="$PWAY" -v S="$PWS" "$PWLAST" | tail -c 262144; } 3>&1); }
pwjournal() {
  PWAY=-1 PWS=j
  pwasked journalctl -q --no-pager -o short-iso -r -g '^Accepted (password|keyboard-interactive[^ ]*) for ' -t sshd -t sshd-session _UID=0
  case $PW in
    0 | 0"$NL"*) ;;
    1) # nothing was found, or it knows no -g
      case $(pwbound journalctl -q --no-pager -n 1 -g '^.' >/dev/null; echo $?) in
        0) PW=0;;
        *) pwasked journalctl -q --no-pager -o short-iso -r -t sshd -t sshd-session _UID=0;;
      esac;;
  esac
  case $PW in
    0 | 0"$NL"*) # to its end: that is as old as the journal's first line
      O=$(pwbound journalctl --system -q --no-pager -o short-iso | head -n 1 | head -c 1000)
      [ -z "$O" ] || printf 'j< %s\n' "$O"
      printf '%s\n' "$PW" | grep -a '^j= ';;
    *) printf '%s\n' "$PW" | grep -a '^j';;
  esac
}
# pwfiles: $PWF and what logrotate has made of it, the newest first as far as the
# bounds reach, and then the oldest of these first.
pwfiles() {
  set -- "$PWF"
  I=0 PN=0
  while [ $I -lt 60 ]; do # some begin with 0; behind a number that is missing is a hole
    for S in '' .gz .xz .bz2 .zst; do [ -f "$PWF.$I$S" ] && set -- "$@" "$PWF.$I$S" && break; done
    [ $I -eq 0 ] || [ $# -gt $PN ] || break
    PN=$# I=$((I + 1))
  done
  L=
  set +f
  for P in "$PWF"-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*; do
    set -f
    case ${P#"$PWF"-} in ???????? | ????????.gz | ????????.xz | ????????.bz2 | ????????.zst) [ -f "$P" ] && L="$P $L";; esac
  done
  set -f
  set -- "$@" $L
  TAKE= LEFT=$PWBYTES PACKED=$PWPACKED PN=0
  for P do
    Z=$(limit stat -L -c %s -- "$P" </dev/null 2>/dev/null)
    PN=$((PN + 1))
    [ -n "$Z" ] && [ -r "$P" ] && [ $PN -le 60 ] || break
    case $P in
      *.gz | *.xz | *.bz2 | *.zst)
        pwtool "$P" && [ "$Z" -le $PACKED ] || break
        PACKED=$((PACKED - Z));;
      *)
        if [ "$Z" -gt $LEFT ]; then TAKE="part:$P $TAKE"; break; fi
        LEFT=$((LEFT - Z));;
    esac
    TAKE="$P $TAKE"
  done
  PWAY=1 PWS=f FIRST1=yes O=
  for P in $TAKE; do
    if late; then FIRST1=yes; continue; fi
    pwasked pwdump "$P"
    case $PW in
      0 | 0"$NL"*) ;;
      *) FIRST1=yes; printf '%s\n' "$PW" | grep -a '^f= '; continue;; # a hole
    esac
    if [ $FIRST1 = yes ]; then
      O=$(pwbound pwdump "$P" | head -n 1 | head -c 1000)
      [ -z "$O" ] || { printf 'f< %s\n' "$O"; FIRST1=no; }
    fi
    printf '%s\n' "$PW" | grep -a '^f= '
  done
  for P in "$PWF" "$PWF.1"; do
    O=
    [ ! -r "$P" ] || O=$(limit tail -n 1 -- "$P" </dev/null 2>/dev/null | tail -c 1000)
    [ -z "$O" ] || { printf 'f> %s\n' "$O"; break; }
  done
  [ $FIRST1 = no ] || printf 'f< -\n' # nothing of it was read to its end
}
# pwtool FILE: into PWT, what unpacks it.
pwtool() {
  case $1 in *.gz) PWT=gzip;; *.xz) PWT=xz;; *.bz2) PWT=bzip2;; *.zst) PWT=zstd;; *) return 1;; esac
  have $PWT
}
pwdump() {
  case $1 in
    part:*) tail -c "$LEFT" -- "${1#part:}" | sed 1d;;
    *.gz | *.xz | *.bz2 | *.zst) pwtool "$1" && $PWT -dc -- "$1";;
    *) cat -- "$1";;
  esac
}

packages() {
  set +f
  mark "o packages"
  PM=
  set -f
  if have dpkg-query && [ -f /var/lib/dpkg/status ]; then
    PM=dpkg
    limit dpkg-query -W -f '${db:Status-Status} dpkg\t${Package}\t${Version}\n' $PKGS </dev/null 2>/dev/null | sed -n 's/^installed //p'
  fi
  if have rpm && [ -d /var/lib/rpm ] || [ -d /usr/lib/sysimage/rpm ]; then
    PM=rpm
    # As nobody, so that the database cannot be touched.
    if [ "$UID0" = yes ] && [ -n "$SWITCH" ]; then PMAS="$SWITCH 65534 65534"; else PMAS=limit; fi
    $PMAS rpm -qa --qf 'rpm\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' $PKGS </dev/null 2>/dev/null
  fi
  if [ -r /lib/apk/db/installed ]; then
    PM=apk
    limit sed -n -e 's/^P://p' -e 's/^V:/ /p' /lib/apk/db/installed </dev/null | {
      while read -r L V; do
        case $L in [0-9]*) ;; *) NAME=$L; continue;; esac
        for W in $PKGS; do case $NAME in $W) printf 'apk\t%s\t%s\n' "$NAME" "$L"; break;; esac; done
      done
    }
  fi
  if [ -d /var/lib/pacman/local ]; then
    PM=pacman
    for W in $PKGS; do
      set +f
      for D in /var/lib/pacman/local/$W-[0-9]*; do
        set -f
        [ -d "$D" ] || continue
        D=${D##*/} V=${D##*-} D=${D%-*}
        printf 'pacman\t%s\t%s\n' "${D%-*}" "${D##*-}-$V"
      done
      set -f
    done
  fi
  mark "x 0"
  [ -n "$PM" ] || gap missing packages "no package manager that this collector knows"
}

# ---- in this order

section() {
  if late; then gap cap "$1" "the time was over before it was looked at"; return; fi
  "$1"
}

run() {
  mark "start 1"
  identity
  mounts
  SAFE=$NL UP=$NL NEW= FINALS=$NL SLOW=' ' RLINK= STAY=
  accounts
  section static
  mark "v 4096"
  printf '/proc/stat\0btime %s\n' "$BTIME"
  section daemons
  CONFS= ASKS=
  for P in $SSHDS; do effective "$P"; done
  if [ -z "$SSHDS" ]; then
    for F in /usr/sbin/sshd /usr/local/sbin/sshd /usr/bin/sshd; do
      [ -f "$F" ] || continue
      if trusted "$F"; then ASKS=default$NL$F$NL$NL
      else gap unsafe sshd-T.default "$F is not root's alone: not run"
      fi
      break
    done
  fi
  section sshfiles
  section answers
  section moduli
  section timers
  section logs
  section passwords
  section packages
  # What users can make slow comes last.
  section keys
  section privates
  section jobs
  section near
  mark end
}

collect() {
  [ "$1" = end-of-collector ] && [ -n "$N" ] || return 3
  exec 2>/dev/null
  IFS=" $TAB$NL"
  LOGIN=$(id -un </dev/null)
  UIDN=$(id -u </dev/null)
  [ "$UIDN" = 0 ] && UID0=yes || UID0=no
  case $PRIV in
    root | sudo) [ $UID0 = yes ] || PRIV=none;;
  esac
  [ "$PRIV" = sudo ] && LOGIN=${SUDO_USER:-$LOGIN}
  renice -n 10 -p $$ </dev/null >/dev/null
  ionice -c 3 -p $$ </dev/null >/dev/null
  CLOCK=$(date +%s.%N </dev/null)
  case $CLOCK in *[!0-9.]* | *.) CLOCK=$(date +%s </dev/null);; esac
  BTIME=$(sed -n 's/^btime //p' /proc/stat </dev/null)
  read -r NOW _ </proc/uptime
  DEADLINE=$((${NOW%%.*} + SECONDS_MAX))
  SYSTEMD=no
  [ -d /run/systemd/system ] && SYSTEMD=yes
  TIMEOUT=
  have timeout && timeout 5 true </dev/null && TIMEOUT=yes
  # Times with nanoseconds and link texts, where stat knows them.
  STATN='%N'
  case $(stat -c %N /bin/. </dev/null) in /bin/.) ;; *) STATN=;; esac
  case $(stat -c %.9Y / </dev/null) in
    *[!0-9.]* | '') STAT="%f %u %g %s %h %i %d %Y %Z ${STATN:-%n}";;
    *.*) STAT="%f %u %g %s %h %i %d %.9Y %.9Z ${STATN:-%n}";;
    *) STAT="%f %u %g %s %h %i %d %Y %Z ${STATN:-%n}";;
  esac
  READLINKS=
  case $(readlink -f -- / / </dev/null) in "/$NL/") READLINKS=yes;; esac
  # A tool that takes on a user's rights, without PAM and without a log line. One
  # harmless capability stays: it keeps that user from tracing the reader, who
  # holds our output.
  SWITCH=
  if [ $UID0 = yes ]; then
    for F in capable plain root; do
      $F 65534 65534 true </dev/null >/dev/null && { SWITCH=$F; break; }
    done
  fi
  context
  run | filter | head -c "$TOTAL"
}
capable() { SU=$1 SG=$2; shift 2; limit setpriv --reuid="$SU" --regid="$SG" --clear-groups --inh-caps=+net_bind_service --ambient-caps=+net_bind_service "$@"; }
plain() { SU=$1 SG=$2; shift 2; limit setpriv --reuid="$SU" --regid="$SG" --clear-groups "$@"; }
root() { SU=$1 SG=$2; shift 2; limit chroot --userspec="$SU:$SG" --groups= / "$@"; }

# filter: no line with a private key or a password hash passes, whatever it
# stands in. It knows frames by their form alone: the nonce would show.
filter() {
  sed -E -e '/^[0-9a-f]{24} [mvox] /,/^[0-9a-f]{24} [^mvox]/{
/PRIVATE KEY( BLOCK)?-----|PRIVATE KEY ----|PuTTY-User-Key-File/,/^(==> .* <==|[0-9a-f]{24} [a-z].*)$/{
/^(==> .* <==|[0-9a-f]{24} [a-z].*)$/b
s/.*/postern-withheld/
}
s/^[^:]*:[!*]*([$][0-9a-z]+[$]|[.\/0-9A-Za-z]{13}:[0-9]*:[0-9]*:).*/postern-withheld/
}
/^[0-9a-f]{24} [ox] /,/^[0-9a-f]{24} [^ox]/s/.*:[!*]*([$][0-9a-z]+[$]|[.\/0-9A-Za-z]{13}:[0-9]*:[0-9]*:).*/postern-withheld/'
}

collect end-of-collector
