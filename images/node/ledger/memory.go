package ledger

// memory is a map that forgets the oldest.
type memory[K comparable, V any] struct {
	values map[K]V
	order  []K
	most   int // 0 is keys
}

func (m *memory[K, V]) get(key K) (V, bool) {
	v, known := m.values[key]
	return v, known
}

func (m *memory[K, V]) put(key K, value V) {
	if m.values == nil {
		m.values = map[K]V{}
	}
	if m.most == 0 {
		m.most = keys
	}
	if _, known := m.values[key]; !known {
		m.order = append(m.order, key)
	}
	m.values[key] = value
	for len(m.order) > m.most {
		delete(m.values, m.order[0])
		m.order = m.order[1:]
	}
}
