module ingot

go 1.26.0
