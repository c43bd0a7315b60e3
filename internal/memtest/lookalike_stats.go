package memtest

// What look-alikes say to stats, "name value" a line, as their sources have
// it; the numbers are made up.

const mcrouterStats = `version 36.0.0 mcrouter
commandargs --port 11211 --config-file /etc/mcrouter/mcrouter.json
pid 21357
parent_pid 1
time 1795206166
uptime 166
num_servers 1
num_servers_new 1
num_servers_up 0
num_servers_down 0
num_servers_closed 0
num_clients 1
num_suspect_servers 0
cmd_get_count 0
cmd_set_count 0
`

// Dragonfly, server_family.cc, StatsMC.
const dragonflyStats = `pid 1
uptime 86
time 1795206166
version v1.21.2
libevent iouring
pointer_size 8
rusage_user 0.31
rusage_system 0.42
max_connections -1
curr_connections 1
total_connections -1
rejected_connections -1
bytes_read 16
bytes_written 18
limit_maxbytes -1
`

// Hazelcast, StatsCommand.java.
const hazelcastStats = `uptime 86
threads 0
waiting_requests 0
curr_connections 1
total_connections 1
bytes 0
cmd_get 0
cmd_set 0
cmd_touch 0
get_hits 0
get_misses 0
delete_hits 0
delete_misses 0
incr_hits 0
incr_misses 0
decr_hits 0
decr_misses 0
`

// dionaea, memcache/var.py: the name of the last one ends in a space.
const dionaeaStats = `pid 2817
uptime 86
time 1795206166
version 1.4.25
pointer_size 64
accepting_conns  1
`

// qeeqbox, memcache_server.py, shortened: the same list for every stats, with
// Python's idea of a boolean.
const qeeqboxStats = `pid 211
uptime 1433
time 1795206166
version 1.5.6
libevent 2.1.8-stable
pointer_size 64
rusage_user 0.5123
rusage_system 0.417262
max_connections 1024
curr_connections 613
total_connections 5
rejected_connections 0
limit_maxbytes 33554432
accepting_conns 1
threads 4217
hash_is_expanding False
slab_reassign_running False
bytes 21554432
curr_items 84215533
total_items 84215533
evictions 0
`
