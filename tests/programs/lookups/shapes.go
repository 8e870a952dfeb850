package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
)

type shape interface{ area() float64 }
type box struct{ width, height float64 }
type disc struct{ radius float64 }

func (b box) area() float64   { return b.width * b.height }
func (d *disc) area() float64 { return 3.14 * d.radius * d.radius }

type ring[T any] struct {
	kept []T
	next int
}

func (r *ring[T]) put(value T) {
	if len(r.kept) < 16 {
		r.kept = append(r.kept, value)
		return
	}
	r.kept[r.next%16] = value
	r.next++
}

func mapped[T, U any](values []T, change func(T) U) []U {
	var out []U
	for _, value := range values {
		out = append(out, change(value))
	}
	return out
}

var errOdd = errors.New("odd")

func collatz(value int) (steps int, err error) {
	defer func() {
		if recover() != nil {
			err = errOdd
		}
	}()
	for value != 1 {
		if value&1 == 1 {
			value = 3*value + 1
		} else {
			value /= 2
		}
		steps++
	}
	if steps > 110 {
		panic("long")
	}
	return steps, nil
}

func main() {
	var group sync.WaitGroup
	results := make(chan int, 64)
	for i := 1; i < 60; i++ {
		group.Add(1)
		go func(start int) {
			defer group.Done()
			if steps, err := collatz(start); err == nil {
				results <- steps
			} else if errors.Is(err, errOdd) {
				results <- -1
			}
		}(i)
	}
	group.Wait()
	close(results)
	var kept ring[int]
	counts := map[string]int{}
	for steps := range results {
		kept.put(steps)
		counts[fmt.Sprint(steps)] += steps
	}
	sort.Ints(kept.kept)
	shapes := []shape{box{1, 2}, &disc{3}, box{4, 5}}
	areas := mapped(shapes, func(s shape) string { return fmt.Sprintf("%.1f", s.area()) })
	fmt.Fprintln(os.Stdout, strings.Join(areas, ","), kept.kept, len(counts))
}
