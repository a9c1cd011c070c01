import Formats
import Foundation
import Machine
import Model

/// What a reader of results should know of a run, whatever was measured in it.
enum RunWarnings {
  /// - Parameter positions: that a sequence reaches.
  static func of(
    _ model: PreparedModel, positions: Int, _ environment: RunEnvironment, threads: Int
  ) -> [String] {
    var warnings = mixedFormats(model)
    if !environment.threadsPinned {
      warnings.append("threads could not be pinned: results may vary")
    }
    if positions > model.architecture.maxPositions {
      warnings.append(
        "\(positions) positions exceed the model's \(model.architecture.maxPositions)")
    }
    if isOverQuota(environment, threads: threads) {
      warnings.append(
        "\(threads) thread\(threads == 1 ? "" : "s") under "
          + "\(ProcessorQuota.text(environment.containerProcessors)): "
          + "it may be used up before its period ends")
    }
    return warnings
  }

  /// Whether threads ask for more processor time than their container gives.
  static func isOverQuota(_ environment: RunEnvironment, threads: Int) -> Bool {
    environment.containerProcessors.map { Double(threads) > $0 } ?? false
  }

  private static func mixedFormats(_ model: PreparedModel) -> [String] {
    let stored = model.storage.all
    guard stored.elements.count > 1, !model.format.isMix else { return [] }
    let shares = stored.elements
      .map { (dtype: $0.key, share: Double($0.key.bytes($0.value)) / Double(stored.bytes)) }
      .sorted { ($0.share, $1.dtype.rawValue) > ($1.share, $0.dtype.rawValue) }
      .map { "\($0.dtype) " + String(format: "%.1f%%", 100 * $0.share) }
    return ["weights mix formats, by bytes: " + shares.joined(separator: ", ")]
  }
}
