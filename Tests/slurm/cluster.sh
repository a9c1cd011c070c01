# A Slurm cluster of this machine alone, for run.sh: `cluster_start FOLDER`, `cluster_stop`.
#
# Its daemons keep to FOLDER: configuration, key, sockets, state and logs.

cluster_start() {
  cluster=$1
  mkdir -p "$cluster/state" "$cluster/spool"
  head -c 64 /dev/urandom >"$cluster/munge.key"
  chmod 600 "$cluster/munge.key"
  chmod 755 "$cluster"
  cat >"$cluster/slurm.conf" <<EOF
ClusterName=dyno
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
CredType=cred/munge
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
  export SLURM_CONF="$cluster/slurm.conf"
  munged --force --foreground --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" \
    --pid-file="$cluster/munge.pid" --log-file="$cluster/munge.log" --seed-file="$cluster/munge.seed" \
    >"$cluster/munge.out" 2>&1 &
  munged=$!
  wait_for 10 test -S "$cluster/munge.socket" || return 1
  slurmctld -D >"$cluster/slurmctld.out" 2>&1 &
  slurmctld=$!
  slurmd -D -N "$(hostname -s)" >"$cluster/slurmd.out" 2>&1 &
  slurmd=$!
  wait_for 30 sh -c 'sinfo --noheader --format %T | grep -q idle'
}

cluster_stop() {
  for daemon in ${slurmd:-} ${slurmctld:-} ${munged:-}; do
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  done
}

# wait_for SECONDS COMMAND…: until the command succeeds.
wait_for() {
  for _ in $(seq "$1"); do
    if "${@:2}" >/dev/null 2>&1; then return 0; fi
    sleep 1
  done
  return 1
}
