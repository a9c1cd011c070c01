import Numerics
import Testing

@Suite struct PiecewiseLinearSumTests {
  @Test func longSumsOfLines() {
    var evaluations = 0
    let sum = PiecewiseLinearSum.of(7..<10_000_007) { place in
      evaluations += 1
      return 3 + 2 * Double(place)
    }
    // Σ 3 + 2i = n·(3 + first + last)
    #expect(sum == 1e7 * (3 + 7 + 10_000_006))
    #expect(evaluations <= 512)
  }

  /// A window that is full from some step on, or a step that becomes bound by memory.
  @Test func kinksCostLittle() {
    func value(_ place: Int) -> Double { max(1000, Double(min(place, 5000))) }
    let exact = (0..<20_000).reduce(0) { $0 + value($1) }
    let sum = PiecewiseLinearSum.of(0..<20_000, value)
    #expect(abs(sum / exact - 1) < 1e-5)
  }

  @Test(arguments: [0, 1, 2, 511, 512, 513, 514, 770])
  func shortSumsAreExact(count: Int) {
    let sum = PiecewiseLinearSum.of(0..<count) { Double($0) }
    #expect(sum == Double(count * max(0, count - 1) / 2))
  }
}
