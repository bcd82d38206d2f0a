// A device with the property that rust_debugfs wants, after one without it.
DefinitionBlock ("", "SSDT", 2, "RSTBED", "DEBUGFS", 0x00000001)
{
    Scope (\_SB)
    {
        Device (RBD0)
        {
            Name (_HID, "LNUXBEEF")
            Name (_UID, 1)
        }

        Device (RBD1)
        {
            Name (_HID, "LNUXBEEF")
            Name (_UID, 2)
            Name (_DSD, Package ()
            {
                // device properties (ACPI, _DSD implementation guide)
                ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
                Package ()
                {
                    Package () { "compatible", "acme,from-acpi" }
                }
            })
        }
    }
}
