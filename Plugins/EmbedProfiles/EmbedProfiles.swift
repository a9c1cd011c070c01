import Foundation
import PackagePlugin

/// Writes `profiles/` into a Swift file, each time anything is built, so that an executable that was
/// copied elsewhere has them.
@main
struct EmbedProfiles: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = context.pluginWorkDirectoryURL
    let package = context.package.directoryURL
    return [
      .prebuildCommand(
        displayName: "Embedding profiles", executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: [
          package.appendingPathComponent("Plugins/EmbedProfiles/embed.sh").path,
          package.appendingPathComponent("profiles").path, folder.path,
        ], outputFilesDirectory: folder)
    ]
  }
}
