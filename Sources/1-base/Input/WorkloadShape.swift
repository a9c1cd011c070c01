/// Prompt and generated tokens of a workload as people write them: `4096x1024`.
public struct WorkloadShape: Sendable, Hashable {
  public static let expected = "prompt and generated tokens such as 4096x1024"
  /// Larger counts are mistakes, and products of them would overflow.
  public static let largest = 10_000_000

  public let prompt: Int
  public let generate: Int

  public init(prompt: Int, generate: Int) {
    self.prompt = prompt
    self.generate = generate
  }

  /// `nil` where `text` is not two counts from 1 to `largest`.
  public init?(_ text: String) {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false)
    let counts = parts.compactMap { Int($0) }.filter { (1...Self.largest).contains($0) }
    guard parts.count == 2, counts.count == 2 else { return nil }
    self.init(prompt: counts[0], generate: counts[1])
  }
}
