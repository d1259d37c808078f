package websocket

// putMessage gives the memory of a message back.
func putMessage(m *[]byte) { putBuffer(m) }

// growPooled makes room behind *m: as much as it holds already, or what is left
// if that is less.
func growPooled(m *[]byte, left uint64) []byte {
	*m = grow(*m, left)
	return *m
}
