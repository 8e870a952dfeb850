module shapes;
import std.algorithm, std.array, std.conv, std.exception, std.format, std.range, std.stdio, std.string;

interface Shape { double area() const; }
class Box : Shape {
    double width, height;
    this(double w, double h) { width = w; height = h; }
    double area() const { return width * height; }
    invariant { assert(width >= 0); }
}
class Disc : Shape {
    double radius;
    this(double r) { radius = r; }
    override double area() const { return 3.14 * radius * radius; }
}
struct Ring(T, size_t size) {
    T[size] kept;
    size_t next;
    void put(T value) { kept[next++ % size] = value; }
    int opApply(scope int delegate(ref T) each) {
        foreach (ref value; kept)
            if (auto result = each(value)) return result;
        return 0;
    }
}
T fold2(alias join, T)(T[] values, T start) {
    foreach (value; values) start = join(start, value);
    return start;
}
int collatz(int value) {
    int steps;
    for (; value != 1; steps++) value = value & 1 ? 3 * value + 1 : value / 2;
    return steps;
}
string spell(int[string] counts) {
    auto text = appender!string;
    foreach (key; counts.keys.sort) text.put(format("%s=%d;", key, counts[key]));
    return text.data;
}
void main(string[] words) {
    Shape[] shapes = iota(1, 20).map!(i => i % 2 ? cast(Shape) new Box(i, 2) : new Disc(i)).array;
    auto sum = shapes.map!(shape => shape.area).sum;
    Ring!(int, 16) ring;
    foreach (i; 1 .. 60) ring.put(collatz(i));
    int[string] counts;
    foreach (ref value; ring) counts[value.to!string] += value;
    try
        enforce(words.length < 2, "no words here");
    catch (Exception error)
        writeln(error.msg.toUpper);
    scope (exit) writeln("done");
    auto total = fold2!((a, b) => a * 31 + b)(counts.values, 7);
    writefln("%.2f %s %d %(%d,%)", sum, spell(counts), total, ring.kept[].filter!(v => v > 3));
}
