package dictionary

import (
	"strconv"
	"strings"
)

// Most is the largest number that the dictionary knows.
const Most = 999_999

var (
	small = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	tens  = strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
)

// Name is the number in English words, such as forty-two. It is "" outside 0 to Most.
func Name(n int) string {
	switch {
	case n < 0 || n > Most:
		return ""
	case n < 20:
		return small[n]
	case n < 100:
		if n%10 == 0 {
			return tens[n/10]
		}
		return tens[n/10] + "-" + small[n%10]
	case n < 1000:
		return joined(small[n/100]+" hundred", n%100)
	default:
		return joined(Name(n/1000)+" thousand", n%1000)
	}
}

// joined puts the rest behind the larger part: one hundred and two, one thousand two hundred.
func joined(head string, rest int) string {
	switch {
	case rest == 0:
		return head
	case rest < 100:
		return head + " and " + Name(rest)
	default:
		return head + " " + Name(rest)
	}
}

// Roman is the number in Roman numerals, "" where they have no sign for it: below 1 and above 3999.
func Roman(n int) string {
	if n < 1 || n > 3999 {
		return ""
	}
	values := []int{1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1}
	signs := strings.Fields("M CM D CD C XC L XL X IX V IV I")
	var b strings.Builder
	for i, value := range values {
		for ; n >= value; n -= value {
			b.WriteString(signs[i])
		}
	}
	return b.String()
}

// Factors is the number as a product of primes, such as 2·3·7; below 2 the number itself.
func Factors(n int) string {
	if n < 2 {
		return strconv.Itoa(n)
	}
	var list []string
	for p := 2; p*p <= n; p++ {
		for ; n%p == 0; n /= p {
			list = append(list, strconv.Itoa(p))
		}
	}
	if n > 1 {
		list = append(list, strconv.Itoa(n))
	}
	return strings.Join(list, "·")
}
