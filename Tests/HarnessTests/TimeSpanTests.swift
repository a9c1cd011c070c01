import Harness
import Input
import Testing

@Suite struct TimeSpanTests {
  /// What is printed can be typed, and is enough.
  @Test(arguments: [
    (0.2, "1s"), (59.1, "60s"), (119, "119s"), (120, "2m"), (475, "8m"), (7199, "120m"),
    (7200, "2.0h"), (9001, "2.6h"),
  ])
  func roundsUp(seconds: Double, text: String) throws {
    let span = TimeSpan(seconds: seconds)
    #expect(span.roundedUp == text)
    #expect(try #require(TimeSpan(span.roundedUp)).seconds >= seconds)
  }
}
