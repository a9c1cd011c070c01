import Foundation
import Input
import Model

/// Architectures as folders with a `config.json` each, as transformers and vLLM read them.
public enum ConfigFolder {
  /// Makes the folder, before the work rather than after it.
  public static func prepare(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(folder, problem: "cannot be made", expected: "a folder to write to")
    }
  }

  /// Writes `folder/NAME/config.json` of each.
  public static func write(_ architectures: [Architecture], to folder: String) throws {
    try within(folder) {
      let root = URL(fileURLWithPath: folder)
      do {
        for architecture in architectures {
          let place = root.appendingPathComponent(architecture.name)
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          try Data(architecture.loadable.configText().utf8)
            .write(to: place.appendingPathComponent("config.json"), options: .atomic)
        }
      } catch {
        throw InputError(
          problem: "cannot be written: \(error.localizedDescription)",
          expected: "a writable folder")
      }
    }
  }
}

extension Architecture {
  /// The same architecture in a family whose configuration loads everywhere.
  ///
  /// transformers 5 refuses `llama` configurations whose number of heads does not divide the hidden
  /// size, whatever `head_dim` says. A `mistral` without a sliding window computes the same.
  public var loadable: Architecture {
    guard config["model_type"] == .string("llama"), hiddenSize % queryHeads != 0,
      firstAttention?.inputBias == false
    else { return self }
    var other = self
    other.modelType = "mistral"
    other.slidingWindow = nil
    return other
  }
}
