//go:build !linux

package process

const unreadRequest = 0x4004667f // FIONREAD, _IOR('f', 127, int) in <sys/filio.h>
