import Foundation
import Input

/// Keeps measured limits from run to run, apart for each processor, thread count and instruction
/// set, and quota of processor time where that is less than the threads ask for. A broken or foreign file counts as none.
///
/// What is kept is the best that any run saw (`improve`), since noise only ever slows a measurement down,
/// until the machine is measured anew (`store`), as after a change to it: then the past counts no more.
public struct LimitsCache {
  public let file: URL

  public init(threads: Int, instructionSet: String) {
    let environment = ProcessInfo.processInfo.environment
    let root =
      environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(".cache")
    self.init(
      folder: root, threads: threads, instructionSet: instructionSet,
      quota: ControlGroup.own.processors)
  }

  package init(
    folder: URL, threads: Int, instructionSet: String, quota: Double? = nil
  ) {
    var key = "\(Processor.model) \(Processor.signature) \(threads) \(instructionSet)"
    if let quota, quota < Double(threads) { key += " quota \(quota)" }
    let safe = String(key.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    file = folder.appendingPathComponent("dyno/limits-\(safe).json")
  }

  public func load() -> MachineLimits? {
    guard let data = try? InputFile.deviceProfile.data(at: file.path),
      let limits = try? JSONDecoder().decode(MachineLimits.self, from: data),
      limits.readBandwidth > 0, limits.multiplyAddPeak > 0, limits.integerPeak ?? 0 > 0
    else { return nil }
    return limits
  }

  /// Takes limits in place of what is kept, better or worse.
  public func store(_ limits: MachineLimits) throws {
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try OutputFile.write(JSONEncoder().encode(limits), to: file.path)
  }

  /// Takes in what a run saw, where limits are kept: runs often see more than `dyno host` did.
  /// A cache that cannot be written is no reason to complain about a run.
  public static func learn(_ limits: MachineLimits) {
    let cache = LimitsCache(threads: limits.threads, instructionSet: limits.instructionSet)
    if cache.load() != nil { _ = try? cache.improve(with: limits) }
  }

  /// Takes in what another run saw of the same machine.
  ///
  /// - Returns: the best of both.
  @discardableResult
  public func improve(with seen: MachineLimits) throws -> MachineLimits {
    guard let known = load() else {
      try store(seen)
      return seen
    }
    let best = known.best(with: seen)
    // Samples alone are no news.
    var same = best
    same.samples = known.samples
    if same != known { try store(best) }
    return best
  }
}
