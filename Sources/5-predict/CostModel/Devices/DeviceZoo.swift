import Foundation
import Input
import Machine
import Profiles
import Records

/// The devices in `profiles/devices/`.
public enum DeviceZoo {
  /// Names this machine, whose profile calibration writes.
  public static let host = "host"

  /// Where this machine's profile is kept: homes may be shared by machines of several kinds.
  public static var hostFile: URL {
    let environment = ProcessInfo.processInfo.environment
    let root =
      environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(".cache")
    let processor = Processor.model.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
    return root.appendingPathComponent("dyno/host-\(String(processor)).json")
  }

  /// What a user calls a device: a path to a profile, or a shipped device's name.
  public static func resolve(_ argument: String) throws -> DeviceProfile {
    if FileManager.default.fileExists(atPath: argument) {
      return try DeviceProfile(contentsOf: URL(fileURLWithPath: argument))
    }
    if argument == host {
      guard FileManager.default.fileExists(atPath: hostFile.path) else {
        throw InputError(
          host, problem: "this machine is not calibrated",
          expected: "a calibration of device \(host) on its measurements first")
      }
      return try DeviceProfile(contentsOf: hostFile)
    }
    let devices = try ProfileSet.shipped(.devices)
    let names = try devices.names()
    let name = try meant(argument, names)
    return try devices.profile(named: name, as: .deviceProfile) { try DeviceProfile(file: $0) }
  }

  /// Which of `names` is meant by a word, in whatever case.
  private static func meant(_ word: String, _ names: [String]) throws -> String {
    if names.contains(word) { return word }
    let lowercased = word.lowercased()
    if let same = names.first(where: { $0.lowercased() == lowercased }) { return same }
    // A GPU that is shipped in one form only needs no more than its name: h200 is h200-sxm.
    let forms = names.filter { $0.lowercased().hasPrefix(lowercased + "-") }
    if forms.count == 1 { return forms[0] }
    guard forms.isEmpty else {
      throw InputError(
        word, problem: "is shipped in \(forms.count) forms",
        expected: "one of " + forms.joined(separator: ", "))
    }
    let nearest = NearMiss.of(word, in: names).map { "\($0)?" }
    throw InputError(
      word, problem: "is neither a file nor a shipped device",
      expected: nearest ?? "a device profile, or one of " + names.joined(separator: ", "))
  }

  /// The names of the shipped devices.
  public static func names() throws -> [String] { try ProfileSet.shipped(.devices).names() }
}
