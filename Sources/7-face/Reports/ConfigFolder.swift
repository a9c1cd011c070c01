import Foundation
import Input
import Machine
import Model

/// Architectures as folders with a `config.json` each, as transformers and vLLM read them.
public enum ConfigFolder {
  /// Writes `folder/NAME/config.json` of each.
  public static func write(_ architectures: [Architecture], to folder: String) throws {
    let root = URL(fileURLWithPath: folder)
    for architecture in architectures {
      let place = root.appendingPathComponent(architecture.name)
      do {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      } catch {
        throw InputError(
          place.path, problem: "cannot be made: \(error.localizedDescription)",
          expected: "a writable folder")
      }
      try OutputFile.write(
        architecture.loadable.configText(), to: place.appendingPathComponent("config.json").path)
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
