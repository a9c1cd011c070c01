import Input
import Testing

@Suite struct QuantitiesTests {
  @Test func quantities() {
    for (text, value) in [
      ("100B", 1e11), ("80M", 8e7), ("1.5e9", 1.5e9), ("2k", 2000), ("1T", 1e12), ("7", 7),
    ] {
      #expect(ScaledCount(text)?.value == value, "\(text)")
    }
    for text in ["", "B", "100G", "0", "-1B", "nan", "inf", "1e30", "1e18K"] {
      #expect(ScaledCount(text) == nil, "\(text)")
    }
  }

  @Test func timeSpans() {
    for (text, seconds) in [("500ms", 0.5), ("90s", 90), ("1.5m", 90), ("2h", 7200)] {
      #expect(TimeSpan(text)?.seconds == seconds, "\(text)")
    }
    #expect(TimeSpan("90") == nil)
    #expect(TimeSpan("90", bareSeconds: true)?.seconds == 90)
    for text in ["", "s", "0s", "-1s", "nans", "infs", "1e300h", "10d"] {
      #expect(TimeSpan(text, bareSeconds: true) == nil, "\(text)")
    }
  }

  @Test func percentages() {
    #expect(Percentage("5%")?.share == 0.05)
    #expect(Percentage("5") == nil)
    #expect(Percentage("0.05") == nil)
    #expect(Percentage("0.05", bareShare: true)?.share == 0.05)
    for text in ["", "%", "-1%", "101%", "nan%", "5", "nan"] {
      #expect(Percentage(text, bareShare: true) == nil, "\(text)")
    }
  }

  @Test func workloads() {
    #expect(WorkloadShape("4096x1024").map { [$0.prompt, $0.generate] } == [4096, 1024])
    for text in ["", "x", "4096", "1x2x3", "0x1", "1x-1", "1x10000001", "4kx1k"] {
      #expect(WorkloadShape(text) == nil, "\(text)")
    }
  }
}
