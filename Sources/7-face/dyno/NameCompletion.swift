import ArgumentParser
import CostModel
import Foundation
import Model
import ScalingLaws

// What a shell offers where an argument is a shipped name or a path.

extension CompletionKind {
  static let architectures = named { try Zoo.shipped().names() }
  static let devices = named { try DeviceZoo.names() + [DeviceZoo.host] }
  static let laws = named { try LawZoo.names() }
  static let engines = named { ServingEngine.all.map(\.name) }

  private static func named(_ names: @escaping @Sendable () throws -> [String]) -> CompletionKind {
    custom { _, _, word in
      // Of several values the last one is being typed.
      let done = word.lastIndex(of: ",").map { word[...$0] } ?? ""
      let begun = String(word.dropFirst(done.count))
      let offered = ((try? names()) ?? []) + paths(beginning: begun)
      return offered.filter { $0.hasPrefix(begun) }.map { done + $0 }
    }
  }

  /// Files and folders whose path begins so, hidden ones only where a dot was typed.
  private static func paths(beginning begun: String) -> [String] {
    let parent = begun.lastIndex(of: "/").map { String(begun[...$0]) } ?? ""
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: parent.isEmpty ? "." : parent)) ?? []
    let asksHidden = begun.dropFirst(parent.count).hasPrefix(".")
    return names.filter { asksHidden || !$0.hasPrefix(".") }.sorted().map { name in
      var isFolder: ObjCBool = false
      _ = files.fileExists(atPath: parent + name, isDirectory: &isFolder)
      return parent + name + (isFolder.boolValue ? "/" : "")
    }
  }
}
