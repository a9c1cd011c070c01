import Architectures
import Foundation
import Records

/// Keeps measured limits from run to run, apart for each processor, thread count and instruction
/// set. A broken or foreign file counts as none.
public struct LimitsCache {
  public let file: URL

  public init(threads: Int, instructionSet: String) {
    let environment = ProcessInfo.processInfo.environment
    let root =
      environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(".cache")
    let key = "\(Processor.model) \(Processor.signature) \(threads) \(instructionSet)"
    let safe = String(key.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    file = root.appendingPathComponent("dyno/limits-\(safe).json")
  }

  public func load() -> MachineLimits? {
    guard let data = try? InputFile.deviceProfile.data(at: file.path),
      let limits = try? JSONDecoder().decode(MachineLimits.self, from: data),
      limits.readBandwidth > 0, limits.multiplyAddPeak > 0, limits.integerPeak ?? 0 > 0
    else { return nil }
    return limits
  }

  public func store(_ limits: MachineLimits) throws {
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try JSONEncoder().encode(limits).write(to: file, options: .atomic)
  }
}
