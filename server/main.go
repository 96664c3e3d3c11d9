// Framegate runs any program behind HTTP: a request becomes a process.
package main

func main() {}
