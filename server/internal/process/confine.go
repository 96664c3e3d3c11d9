package process

import (
	"os/user"
	"strconv"
	"time"
)

// Limits is what a process may use and do. The zero value bounds nothing,
// except that Umask is taken as it is: -1 keeps the gateway's own.
type Limits struct {
	Memory    int64         // bytes of private memory (RLIMIT_DATA)
	CPUTime   time.Duration // of the process; SIGXCPU ends it, a second later SIGKILL
	OpenFiles int           // descriptors; 0 is the limit that the gateway was started with
	Processes int           // of the process's user, over all frames (RLIMIT_NPROC); root is exempt
	Umask     int

	User  *User // nil is the gateway's own user
	Group int   // -1 is the user's group

	NoNewPrivs bool
	Sandbox    *Sandbox // nil is none
}

// User is whom a process runs as.
type User struct {
	UID    int
	GID    int
	Groups []int // supplementary
}

// Sandbox is what a sandboxed process may still do.
type Sandbox struct {
	WritePaths []string // files and directories below which it may write
	Network    bool
}

// LookupUser finds a user by name or number.
func LookupUser(name string) (*User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		byID, idErr := user.LookupId(name)
		if idErr != nil {
			return nil, err
		}
		u = byID
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	found := &User{UID: uid, GID: gid}
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		found.Groups = append(found.Groups, n)
	}
	return found, nil
}

// LookupGroup finds a group by name or number.
func LookupGroup(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		byID, idErr := user.LookupGroupId(name)
		if idErr != nil {
			return 0, err
		}
		g = byID
	}
	return strconv.Atoi(g.Gid)
}
