/// A device's model in the many ways in which it is written.
enum DeviceName {
  /// The first word with a digit, in small letters: `a100` of "NVIDIA A100-SXM4-80GB", "Nvidia A100 GPU"
  /// and "a100_sxm"; `nil` where there is none.
  static func model(_ name: String) -> String? {
    name.lowercased().split { !$0.isLetter && !$0.isNumber }
      .first { $0.contains(where: \.isNumber) }.map(String.init)
  }
}
