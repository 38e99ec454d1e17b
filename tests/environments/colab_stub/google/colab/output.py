from google.colab import record


def enable_custom_widget_manager():
    record("output.enable_custom_widget_manager")


def clear():
    record("output.clear")
