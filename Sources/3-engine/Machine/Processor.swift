import Foundation

/// The processor's name.
public enum Processor {
  /// As the operating system spells it; "unknown" where it does not.
  public static var model: String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    for key in ["model name", "Model", "CPU part"] {
      if let line = lines.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
        let value = line.split(separator: ":", maxSplits: 1).last
      {
        return value.trimmingCharacters(in: .whitespaces)
      }
    }
    return "unknown"
  }

  /// Family, model and stepping, where there are such: what tells apart processors of one name.
  public static var signature: String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let fields = ["cpu family", "model\t", "stepping"].compactMap { key in
      lines.split(separator: "\n").first { $0.hasPrefix(key) }?.split(separator: ":").last?
        .trimmingCharacters(in: .whitespaces)
    }
    return fields.joined(separator: "-")
  }
}
